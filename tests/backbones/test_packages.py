"""Weights of a Python package are found where it is installed, by its metadata alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from partbench.backbones.backbone import BackboneError
from partbench.backbones.packages import WeightsPackage

PACKAGE = WeightsPackage("some-net", "some_net/weights/net.h5", "MIT")
Install = Callable[[str, str, dict[str, bytes]], Path]


def test_a_package_that_is_installed(install: Install) -> None:
    """Its file and its version are known; its code, which would raise, is not run."""
    site = install("some-net", "1.2", {PACKAGE.file: b"numbers"})
    assert PACKAGE.path == PACKAGE.require("net") == site / PACKAGE.file
    assert PACKAGE.origin == "some-net 1.2"


def test_a_package_that_is_missing() -> None:
    """There is neither file nor origin, and who needs it is told how to install it."""
    assert (PACKAGE.path, PACKAGE.origin) == (None, "")
    with pytest.raises(BackboneError, match=r"^net .* some-net, which is not installed; .* 'partbench\[real\]'$"):
        PACKAGE.require("net")


def test_a_package_without_the_file(install: Install) -> None:
    """Another version may have put it elsewhere; the sentence says which one there is."""
    install("some-net", "9", {"some_net/other.h5": b""})
    assert PACKAGE.path is None
    with pytest.raises(BackboneError, match=r"^net finds no some_net/weights/net.h5 in some-net 9; install another"):
        PACKAGE.require("net")
