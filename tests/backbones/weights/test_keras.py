"""Weights of Keras are read as numbers, all of which stand in the file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from partbench.backbones.backbone import BackboneError
from partbench.backbones.weights.keras import is_keras, read_keras


def test_kernels_become_torchs(tmp_path: Path) -> None:
    """A convolution of Keras, channels last, is the same convolution of torch's; other variables are left out."""
    random = np.random.default_rng(0)
    kernel, image = random.random((3, 3, 2, 5), np.float32), random.random((6, 6, 2), np.float32)
    with h5py.File(tmp_path / "w", "w") as file:
        file["a/layers/conv2d/vars/0"], file["a/layers/conv2d/vars/1"] = kernel, np.arange(5, dtype=np.float32)
        file["optimizer/vars/2"] = np.zeros(3, np.float32)
    assert is_keras(tmp_path / "w") and not is_keras(tmp_path / "none")
    state = read_keras(tmp_path / "w")
    assert set(state) == {"a/layers/conv2d.weight", "a/layers/conv2d.bias"}
    x = torch.from_numpy(image).permute(2, 0, 1)[None]
    ours = torch.nn.functional.conv2d(x, state["a/layers/conv2d.weight"], state["a/layers/conv2d.bias"])
    theirs = [
        [np.einsum("hwi,hwio->o", image[r : r + 3, c : c + 3], kernel) + np.arange(5) for c in range(4)]
        for r in range(4)
    ]
    np.testing.assert_allclose(ours[0].permute(1, 2, 0).numpy(), theirs, rtol=1e-5)


def elsewhere(file: h5py.File, tmp_path: Path) -> None:
    """Numbers in another file of this machine."""
    (tmp_path / "secret").write_bytes(bytes(400))
    file.create_dataset("a/vars/1", (100,), "f4", external=[(str(tmp_path / "secret"), 0, 400)])


def virtual(file: h5py.File, tmp_path: Path) -> None:
    """Numbers of another file of HDF5."""
    layout = h5py.VirtualLayout((3,), "f4")
    layout[:] = h5py.VirtualSource(str(tmp_path / "secret"), "x", shape=(3,))
    file.create_virtual_dataset("a/vars/1", layout)


def announced(file: h5py.File, _tmp_path: Path) -> None:
    """A terabyte that the file only announces."""
    file.create_dataset("a/vars/1", (2**38,), "f4", chunks=(1024,))


def whole(file: h5py.File, _tmp_path: Path) -> None:
    """No fractions."""
    file["a/vars/1"] = np.arange(3)


@pytest.mark.parametrize("put", [elsewhere, virtual, announced, whole])
def test_numbers_that_are_not_in_the_file(tmp_path: Path, put: Callable[[h5py.File, Path], None]) -> None:
    """Whatever an HDF5 file refers to, or announces, is refused before it is read."""
    with h5py.File(tmp_path / "w.h5", "w") as file:
        put(file, tmp_path)
    with pytest.raises(BackboneError, match=r"w.h5 cannot be read as HDF5 \(.*a/vars/1 is no array .*\); download"):
        read_keras(tmp_path / "w.h5")


def test_a_link_to_another_file_is_not_followed(tmp_path: Path) -> None:
    """What it leads to is not among the numbers."""
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["vars/1"] = np.zeros(3, np.float32)
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["a"] = h5py.ExternalLink("other.h5", "/")
    assert read_keras(tmp_path / "w.h5") == {}


def test_a_file_that_is_cut_off(tmp_path: Path) -> None:
    """One sentence."""
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["a/vars/1"] = np.zeros(300, np.float32)
    (tmp_path / "w.h5").write_bytes((tmp_path / "w.h5").read_bytes()[:600])
    with pytest.raises(BackboneError, match=r"w.h5 cannot be read as HDF5 \(.*\); download it again") as caught:
        read_keras(tmp_path / "w.h5")
    assert "\n" not in str(caught.value)


def test_without_h5py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence says what to install."""
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(BackboneError, match=r"h5py, which reads it, is not installed; .*'partbench\[real\]'"):
        read_keras(tmp_path / "w.h5")
