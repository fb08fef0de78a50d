"""Pickles of weights are read as tensors and plain containers; nothing in them ever runs."""

from __future__ import annotations

import argparse
import builtins
import io
import os
import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from partbench.backbones.backbone import BackboneError
from partbench.backbones.weights.safe_unpickling import STAND_INS, Array, Call, Reader, Record, read, read_tensors

PROTOCOLS = st.integers(2, pickle.HIGHEST_PROTOCOL)
NUMBERS = st.sampled_from(["<f4", ">f4", "<f8", "<f2", "<i8", ">i4", "|u1", "|b1"])


def _reconstruct_persistent_obj(meta: object) -> None:
    """What stands under this name in NVIDIA's torch_utils.persistence runs the source in `meta`."""
    raise AssertionError("the writer's function was called")


class Calls:
    """Pickles as a call of a function."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


def load(data: bytes, folder: Path) -> Any:
    """What a file of these bytes holds."""
    path = folder / "w.pkl"
    path.write_bytes(data)
    return read(path)


# What weights are made of


@given(arrays.arrays(NUMBERS, arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3)), PROTOCOLS)
@settings(max_examples=40)
def test_arrays_become_tensors(array: np.ndarray[Any, Any], protocol: int) -> None:
    """Of any protocol, byte order and layout in memory, with memory of their own."""
    for each in (array, np.asfortranarray(array), array[..., ::-1] if array.ndim else array):
        found = read_bytes(pickle.dumps(each, protocol))
        assert isinstance(found, Array)
        np.testing.assert_array_equal(found.value.numpy(), each)
        found.value.fill_(0)  # which no warning forbids


def read_bytes(data: bytes) -> Any:
    return Reader(io.BytesIO(data)).load()


@given(st.sampled_from([torch.float16, torch.float32, torch.float64, torch.int64, torch.uint8]), PROTOCOLS)
@settings(max_examples=20)
def test_tensors_are_themselves(dtype: torch.dtype, protocol: int) -> None:
    """Views too: whole, turned, with a beginning and a step of their own."""
    whole = torch.arange(24).reshape(2, 3, 4).to(dtype)
    for tensor in (whole, whole.permute(2, 0, 1), whole[1, ::2, 1:], torch.zeros((), dtype=dtype)):
        found = read_bytes(pickle.dumps(tensor, protocol))
        assert found.dtype == dtype
        assert torch.equal(found, tensor)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_containers_and_numbers_are_plain(protocol: int) -> None:
    """What a module keeps of itself besides its parameters."""
    attributes = OrderedDict(a=1)
    attributes.version = 1  # type: ignore[attr-defined]  # as a state dict's metadata
    weight = torch.nn.Parameter(torch.ones(2))
    content = {
        "dict": attributes,
        "set": {1, 2},
        "frozen": frozenset({3}),
        "gain": np.sqrt(np.float64(2)),
        "dtype": torch.float32,
        "device": torch.device("cuda", 0),
        "size": torch.Size([1, 2]),
        "weight": weight,
    }
    found = read_bytes(pickle.dumps(content, protocol))
    assert found["dict"] == {"a": 1} and isinstance(found["dict"], dict)
    assert (found["set"], found["frozen"], found["dtype"]) == ({1, 2}, {3}, "float32")
    assert (found["device"], found["size"]) == ("cuda:0", (1, 2))
    assert found["gain"] == pytest.approx(2**0.5) and type(found["gain"]) is float
    assert torch.equal(found["weight"], weight) and not isinstance(found["weight"], torch.nn.Parameter)


def test_an_object_is_its_state_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The source that NVIDIA's modules bring along is not run, nor is their class looked for."""
    persistence, ran = ModuleType("torch_utils.persistence"), tmp_path / "ran"
    persistence._reconstruct_persistent_obj = _reconstruct_persistent_obj  # type: ignore[attr-defined]
    monkeypatch.setattr(_reconstruct_persistent_obj, "__module__", persistence.__name__)
    monkeypatch.setitem(sys.modules, "torch_utils", ModuleType("torch_utils"))
    monkeypatch.setitem(sys.modules, persistence.__name__, persistence)
    source = f"open({str(ran)!r}, 'w')"
    meta = {"type": "class", "version": 6, "module_src": source, "class_name": "G", "state": {"size": 8}}
    data = pickle.dumps(Calls(_reconstruct_persistent_obj, meta))
    monkeypatch.delitem(sys.modules, persistence.__name__)
    found = load(data, tmp_path)
    assert isinstance(found, Record) and found.state == {"size": 8}
    assert not ran.exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_files_of_torch_are_known_by_their_first_bytes(tmp_path: Path, zipped: bool) -> None:
    """In both of its formats, whatever the file is called; a training's arguments may be in it."""
    content = {"g_ema": {"w": torch.ones(3)}, "args": argparse.Namespace(size=256)}
    torch.save(content, tmp_path / "w.pkl", _use_new_zipfile_serialization=zipped)
    found = read(tmp_path / "w.pkl")
    assert torch.equal(found["g_ema"]["w"], torch.ones(3))
    assert found["args"].size == 256


# What weights have no need of


def evil(path: Path) -> dict[str, tuple[object, str]]:
    """What a file may try, and the name by which it is refused."""
    touch, source = f"touch {path}", f"open({str(path)!r}, 'w')"
    inner = pickle.dumps(Calls(os.system, touch), 2)
    return {
        "os.system": (Calls(os.system, touch), r"it asks for (posix|nt)\.system, of which weights have no need"),
        "eval": (Calls(builtins.eval, source), r"it asks for builtins\.eval, "),
        "exec in a dict": ({"G_ema": [Calls(exec, source)]}, r"it asks for builtins\.exec, "),
        "getattr": (Calls(getattr, "x", "upper"), r"builtins\.getattr, "),
        "a pickle in a storage": (Calls(torch.storage._load_from_bytes, inner), r"(posix|nt)\.system"),
        "torch.load": (Calls(torch.load, str(path)), r"it asks for torch\.serialization\.load, "),
        "numpy's files": (Calls(np.save, str(path), 1), r"it asks for numpy\.save, "),
        "a codec": (Calls(__import__("codecs").encode, "x", "rot13"), r"it asks for the encoding rot13, "),
        "objects": (np.array([Calls(os.system, touch)], dtype=object), r"(posix|nt)\.system"),
        "an array of objects": (np.array([None]), r"it asks for an array of object, "),
        "a class": (argparse.Namespace(a=1), r"it asks for argparse\.Namespace, "),
    }


@pytest.mark.parametrize("attack", evil(Path()))
def test_a_malicious_pickle_is_refused_by_name(tmp_path: Path, attack: str) -> None:
    """The sentence names what the file asked for, and it did not get it."""
    ran = tmp_path / "ran"
    content, message = evil(ran)[attack]
    with pytest.raises(BackboneError, match=message) as caught:
        load(pickle.dumps(content), tmp_path)
    assert not ran.exists()
    assert "nothing was run); download it again, from those who published it" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_malicious_file_of_torch_is_refused_by_name(tmp_path: Path, zipped: bool) -> None:
    """As in the pickles of others."""
    ran, path = tmp_path / "ran", tmp_path / "w.pt"
    torch.save({"g_ema": Calls(os.system, f"touch {ran}")}, path, _use_new_zipfile_serialization=zipped)
    for reader in (read, read_tensors):
        with pytest.raises(BackboneError, match=r"it asks for (posix|nt)\.system, of which weights have no need"):
            reader(path)
    assert not ran.exists()


def test_no_module_is_imported_for_a_file(tmp_path: Path) -> None:
    """A name is refused before anything is looked up."""
    with pytest.raises(BackboneError, match=r"it asks for antigravity\.geohash, "):
        load(b"cantigravity\ngeohash\n.", tmp_path)
    assert "antigravity" not in sys.modules


NAMES = sorted(STAND_INS)


@pytest.mark.parametrize("name", NAMES)
def test_no_stand_in_can_be_changed(tmp_path: Path, name: str) -> None:
    """A pickle may set attributes of what it holds: of a stand-in it would for every file that follows."""
    module, _, attribute = name.rpartition(".")
    change = f"c{module}\n{attribute}\n".encode() + b"(N}S'changed'\nI1\nstb."
    before = dict(vars(Record)), dict(vars(Call)), dict(vars(Array))
    with pytest.raises(BackboneError, match=r"w.pkl cannot be read as weights"):
        load(change, tmp_path)
    assert not hasattr(STAND_INS[name], "changed")
    assert (dict(vars(Record)), dict(vars(Call)), dict(vars(Array))) == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"w.pkl cannot be read as weights \(Ran out of input\); download it again$"),
        (b"<html>not found</html>", r"w.pkl cannot be read as weights \(.*\); download it again$"),
        (pickle.dumps(np.ones(100))[:-9], r"w.pkl cannot be read as weights \(.*\); download it again$"),
        (b"PK\x03\x04 half a zip", r"w.pkl cannot be read as a checkpoint of tensors \(.*\); download it again$"),
        (b"Pstorage\n.", r"w.pkl cannot be read as weights \(.*persistent.*\); download it again$"),
        (b"cnumpy\ndtype\n(S'f4'\ntRctorch._utils\n_rebuild_tensor\n(tR.", r"w.pkl cannot be read as weights"),
    ],
)
def test_a_broken_file_is_one_sentence(tmp_path: Path, content: bytes, message: str) -> None:
    """Half a download, a page of the web, a program that does not add up."""
    with pytest.raises(BackboneError, match=message):
        load(content, tmp_path)


def test_a_tensor_stays_within_its_storage(tmp_path: Path) -> None:
    """Sizes and steps that would read the memory beyond are refused."""
    storage = torch.ones(4).untyped_storage()
    for offset, size, stride in ((0, (5,), (1,)), (3, (2,), (1,)), (0, (2,), (-1,)), (0, (2, 2), (4, 1))):
        data = pickle.dumps(torch.ones(4), 2)
        rebuilt = read_bytes(data)
        assert torch.equal(rebuilt, torch.ones(4))
        with pytest.raises(RuntimeError):
            STAND_INS["torch._utils._rebuild_tensor"](  # type: ignore[operator]
                torch.empty(0).set_(storage), offset, size, stride
            )


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Missing, or a folder."""
    with pytest.raises(BackboneError, match=r"there is no file .*w.pkl; check its name"):
        read(tmp_path / "w.pkl")
    with pytest.raises(BackboneError, match=r"cannot be read .*; name a file of weights"):
        read(tmp_path)
