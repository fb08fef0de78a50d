"""Codes of images are kept under what they come from; one that is not what was written is made again, and said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save, save_file
from torch import Tensor

from partbench.backbones.backbone import Backbone
from partbench.benchmark.run.codes import CodeStore
from partbench.benchmark.sealed_files import write_sealed

IMAGE = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))


@dataclass
class Slow:
    """Counts what it inverts."""

    inverted: int = 0

    def __call__(self, images: Tensor) -> list[Tensor]:
        return [images]

    def invert(self, images: Tensor) -> dict[str, Tensor]:
        self.inverted += len(images)
        return {"w": images / 2}

    def maps(self, codes: Mapping[str, Tensor]) -> list[Tensor]:
        return [codes["w"]]

    def reconstruct(self, codes: Mapping[str, Tensor]) -> Tensor:
        return codes["w"]


@dataclass
class Bench:
    """A store of one image."""

    folder: Path
    said: list[str] = field(default_factory=list)

    def store(self, code: str = "") -> CodeStore:
        backbone = Backbone("slow", 4, (3,), Slow)
        return CodeStore(backbone, Slow(), torch.device("cpu"), self.folder, None, tell=self.said.append, code=code)

    def ask(self, code: str = "") -> int:
        """How many images were inverted for the right answer."""
        store = self.store(code)
        codes, _ = store.read(IMAGE)
        assert torch.equal(codes["w"], IMAGE / 2)
        assert isinstance(store.extractor, Slow)
        return store.extractor.inverted

    @property
    def file(self) -> Path:
        (file,) = self.store().files(IMAGE)
        return file


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """One that has inverted it."""
    bench = Bench(tmp_path)
    assert bench.ask() == 1
    return bench


def test_an_image_is_inverted_once(bench: Bench) -> None:
    """Another run reads the code; other code of the backbone inverts anew."""
    assert bench.ask() == 0
    assert bench.ask("edited") == 1
    assert not bench.said


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1, exclude_max=True))
def test_every_flipped_bit_of_a_code_is_noticed(bench: Bench, share: float) -> None:
    """One moved a score by almost a point, and nobody heard of it."""
    file, whole = bench.file, bench.file.read_bytes()
    place, flipped = int(share * 8 * len(whole)), bytearray(whole)
    flipped[place // 8] ^= 1 << place % 8
    file.write_bytes(flipped)
    assert bench.ask() == 1
    assert bench.said.pop().startswith(f"{file} is set aside (it") and not bench.said
    assert bench.ask() == 0


def test_a_file_that_is_no_code_is_set_aside(bench: Bench) -> None:
    """One without a seal, without its seconds or with another tensor's name fails no backbone."""
    file, origin = bench.file, {"images": bench.file.name}
    save_file({"w": IMAGE}, file)
    assert bench.ask() == 1 and "it has no seal" in bench.said.pop()
    write_sealed(file, save({"w": IMAGE}), origin)
    assert bench.ask() == 1 and "is set aside" in bench.said.pop()
    other = file.with_name("other.safetensors")
    file.rename(other)
    file.write_bytes(other.read_bytes())
    assert bench.ask() == 0
    other.write_bytes(b"")
    write_sealed(file, b"0.1\n" + save({"w": IMAGE}), {"images": other.name})
    assert bench.ask() == 1 and "it is of other images" in bench.said.pop()
