"""Codes of images are kept under what they come from; one that is not what was written is made again, and said."""

from __future__ import annotations

import threading
import time
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
from partbench.benchmark.machine import CPU, MemoryLimit, images_at_once, processor
from partbench.benchmark.run import codes as module
from partbench.benchmark.run.codes import CodeStore
from partbench.benchmark.run.kept_code import KeptCode
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
        time.sleep(0.01)
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


def test_two_workers_invert_an_image_once(tmp_path: Path) -> None:
    """Whoever comes second waits for the codes of the first."""
    bench, start, inverted = Bench(tmp_path), threading.Barrier(2), list[int]()

    def ask() -> None:
        start.wait()
        inverted.append(bench.ask())

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(inverted) == [0, 1]


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
    write_sealed(file, KeptCode({"w": IMAGE}, 0.1, "cpu").to_bytes(), {"images": other.name})
    assert bench.ask() == 1 and "it is of other images" in bench.said.pop()


def test_a_code_of_another_device_is_read_and_said_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its seconds are that one's, and its digits: cells name it."""
    monkeypatch.setattr(module, "processor", lambda device: "another")
    store = bench.store()
    before = [store.read(IMAGE), store.read(IMAGE)]
    assert torch.equal(before[0][0]["w"], IMAGE / 2) and before[0][1] > 0
    assert store.others == {processor(CPU)}
    assert len(bench.said) == 1 and processor(CPU) in bench.said.pop()
    fresh = bench.store("edited")
    fresh.read(IMAGE)
    assert not fresh.others and not bench.said


@given(seconds=st.floats(0, 1e6), by=st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\n")))
def test_a_code_is_what_was_kept(seconds: float, by: str) -> None:
    """With its seconds, and a device of any name."""
    found = KeptCode.from_bytes(KeptCode({"w": IMAGE}, seconds, by).to_bytes())
    assert (found.seconds, found.by) == (seconds, by) and torch.equal(found.tensors["w"], IMAGE)


class Inverting:
    """Codes are the images' means; counts what goes in at once."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.room: int | None = None

    def invert(self, images: Tensor) -> dict[str, Tensor]:
        self.seen.append(len(images))
        return {"mean": images.mean((1, 2, 3))[:, None]}

    def maps(self, codes: dict[str, Tensor]) -> list[Tensor]:
        return [codes["mean"][:, :, None, None]]

    def reconstruct(self, codes: dict[str, Tensor]) -> Tensor:
        return codes["mean"][:, :, None, None].expand(-1, 3, 8, 8)

    def __call__(self, images: Tensor) -> list[Tensor]:
        return self.maps(self.invert(images))


class Numbers:
    """A split whose image i is i / 100 everywhere."""

    def images(self, rows: list[int], size: int) -> Tensor:
        return torch.tensor(rows)[:, None, None, None].float().expand(-1, 3, size, size).contiguous() / 100


def numbers(extractor: Inverting, cache: Path) -> CodeStore:
    backbone = Backbone("numbers", 8, (1,), load=lambda: extractor)
    return CodeStore(backbone, extractor, CPU, cache, None, MemoryLimit(CPU, None))


def test_images_are_inverted_ahead_where_the_device_takes_more_than_a_slice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as it takes, those with a code left out; what is read later is there, each image with its own code."""
    extractor = Inverting()
    codes = numbers(extractor, tmp_path)
    codes.read(Numbers().images([3, 17], 8))
    codes.device = torch.device("cuda")
    monkeypatch.setattr(module, "images_at_once", lambda device, size: 32 if device.type == "cuda" else 16)
    monkeypatch.setattr(module, "processor", lambda device: "a GPU")
    monkeypatch.setattr(Tensor, "to", lambda images, device: images)
    extractor.seen.clear()
    codes.invert_ahead(Numbers(), range(50))  # type: ignore[arg-type]
    assert extractor.seen == [46, 2]
    found, _ = codes.read(Numbers().images(list(range(50)), 8))
    assert extractor.seen == [46, 2], "they are read"
    torch.testing.assert_close(found["mean"][:, 0], torch.arange(50) / 100)


def test_a_cpu_inverts_no_more_than_a_slice_at_once(tmp_path: Path) -> None:
    """Nothing is inverted ahead; a GPU takes 256 MiB of images."""
    extractor = Inverting()
    numbers(extractor, tmp_path).invert_ahead(Numbers(), range(50))  # type: ignore[arg-type]
    assert extractor.seen == []
    assert [images_at_once(CPU, size) for size in (64, 256, 1024)] == [16, 4, 1]
    assert [images_at_once(torch.device("cuda"), size) for size in (64, 256, 1024)] == [5461, 341, 21]
