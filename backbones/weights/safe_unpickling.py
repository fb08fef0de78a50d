"""Safe unpickling: reads others' checkpoints without running their code.

A pickle is a program that may call whatever it names. Here it calls nothing of Python's own: each name that a file
of weights needs has a stand-in, which builds a tensor or a plain container, and a file that asks for any other name
is refused. What torch.save wrote is read by torch's own reader under the same rule (`weights_only`).
"""

from __future__ import annotations

import argparse
import io
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..backbone import BackboneError

_TORCH = (b"PK\x03\x04", pickle.dumps(torch.serialization.MAGIC_NUMBER, 2)[:-1])
"""How a file of torch.save's begins: as a zip, formerly as a pickled number."""
_NUMBERS = "biuf"
"""Kinds of numbers that an array may hold; objects are none."""


class Refusal(pickle.UnpicklingError):
    """A name in a file that weights have no need of."""

    def __init__(self, name: str) -> None:
        super().__init__(f"it asks for {name}, of which weights have no need; nothing was run")


class Plain(dict[Any, Any]):
    """A dictionary, whatever class of dictionaries it was; attributes beside its items are left behind."""

    def __setstate__(self, state: object) -> None:
        pass


class Record:
    """An object that was, as its state alone: what its class would have made of it is never known."""

    def __init__(self, state: object = None) -> None:
        self.state = state

    def __setstate__(self, state: object) -> None:
        self.state = state


class Numbers:
    """The type of an array's numbers."""

    def __init__(self, code: object, *_: object) -> None:
        self.code, self.order = str(code), "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = str(state[1])

    @property
    def dtype(self) -> np.dtype[Any]:
        found = np.dtype(self.order + self.code)
        if found.kind not in _NUMBERS:
            raise Refusal(f"an array of {found}")
        return found


class Array:
    """An array of numpy's, as a tensor."""

    value: Tensor

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        *_, shape, numbers, fortran, data = state
        self.fill(data, numbers, shape, "F" if fortran else "C")

    def fill(self, data: bytes, numbers: Numbers, shape: tuple[int, ...], order: Any) -> Array:
        """Numbers in the order of this machine, in memory of their own."""
        values = np.frombuffer(data, numbers.dtype).reshape(shape, order=order)
        self.value = torch.from_numpy(np.array(values, values.dtype.newbyteorder("="), order="C"))
        return self


class Call:
    """A stand-in that a pickle may call; it cannot be changed, as a function's attributes could."""

    __slots__ = ("_run",)

    def __init__(self, run: Callable[..., object]) -> None:
        self._run = run

    def __call__(self, *arguments: object) -> object:
        return self._run(*arguments)

    def __setstate__(self, state: object) -> None:
        raise Refusal("a function to be changed")


def _storage(data: bytes) -> Tensor:
    """A storage of torch's, in a file of torch's of its own."""
    storage = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    found: Tensor = torch.empty(0, dtype=storage.dtype).set_(storage._untyped_storage)
    return found


def _tensor(storage: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: object) -> Tensor:
    return storage.as_strided(size, stride, offset).clone()  # which holds them within the storage


def _latin(text: str, encoding: str = "latin1") -> bytes:
    if encoding != "latin1":
        raise Refusal(f"the encoding {encoding}")
    return text.encode("latin1")


_NUMPY = {
    "multiarray._reconstruct": Call(lambda *_: Array()),
    "multiarray.scalar": Call(lambda numbers, data: np.frombuffer(data, numbers.dtype)[0].item()),
    "numeric._frombuffer": Call(lambda data, numbers, shape, order: Array().fill(data, numbers, shape, order)),
}
_BUILT_IN = {"set": set, "frozenset": frozenset, "bytes": Call(lambda: b"")}
STAND_INS: dict[str, object] = {
    **{f"{python}.{name}": kind for python in ("builtins", "__builtin__") for name, kind in _BUILT_IN.items()},
    "collections.OrderedDict": Plain,
    "dnnlib.util.EasyDict": Plain,
    "dnnlib.tflib.network.Network": Record,
    # A module of NVIDIA's: what it brings beside its state is the source of its class.
    "torch_utils.persistence._reconstruct_persistent_obj": Call(lambda meta: Record(meta["state"])),
    "numpy.ndarray": Array,
    "numpy.dtype": Numbers,
    "_codecs.encode": Call(_latin),
    **{f"numpy.{core}.{name}": call for core in ("core", "_core") for name, call in _NUMPY.items()},
    "torch._utils._rebuild_parameter": Call(lambda data, *_: data),
    "torch._utils._rebuild_tensor": Call(_tensor),
    "torch._utils._rebuild_tensor_v2": Call(_tensor),
    "torch.storage._load_from_bytes": Call(_storage),
    "torch.Size": Call(lambda sides=(): tuple(sides)),
    "torch.device": Call(lambda *words: ":".join(map(str, words))),
    **{f"torch.{name}": name for name in ("float16", "bfloat16", "float32", "float64", "uint8", "int64", "bool")},
}
"""What each name that a file may ask for is to it."""


class Reader(pickle.Unpickler):
    """The unpickler to which nothing but `STAND_INS` is known; it imports nothing."""

    def find_class(self, module: str, name: str) -> Any:
        if f"{module}.{name}" not in STAND_INS:
            raise Refusal(f"{module}.{name}")
        return STAND_INS[f"{module}.{name}"]


def read(path: Path) -> Any:
    """The content of a file of torch.save's or of pickle's: containers, tensors, and `Record`, `Array` in them."""
    if _first_bytes(path).startswith(_TORCH):
        return read_tensors(path)
    try:
        with path.open("rb") as file:
            return Reader(file).load()
    except Exception as error:  # what a broken program may raise has no end
        raise BackboneError(f"{path} cannot be read as weights ({_reason(error)}); {_mend(error)}") from None


def read_tensors(path: Path) -> Any:
    """The content of a file of torch.save's."""
    try:
        # rosinality's trainings write their arguments too: a bag of values, without code.
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise BackboneError(f"there is no weights file {path}; check the name behind '@'") from None
    except (RuntimeError, pickle.UnpicklingError, EOFError, OSError, ValueError, KeyError) as error:
        what = f"{path} cannot be read as a checkpoint of tensors ({_reason(error)})"
        raise BackboneError(f"{what}; {_mend(error)}") from None


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(32)
    except FileNotFoundError:
        raise BackboneError(f"there is no file {path}; check its name") from None
    except OSError as error:
        raise BackboneError(f"{path} cannot be read ({error.strerror}); name a file of weights") from None


def _reason(error: Exception) -> str:
    """The reason; for torch's long refusal, the name that it refused."""
    if found := re.search(r"GLOBAL (\S+)", str(error)):
        return str(Refusal(found[1]))
    return str(error).split("\n", maxsplit=1)[0].split(". ")[0] or type(error).__name__


def _mend(error: Exception) -> str:
    refused = isinstance(error, Refusal) or "GLOBAL " in str(error)
    return "download it again" + (", from those who published it" if refused else "")
