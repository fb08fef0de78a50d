"""A plugin's code runs as a guest: what it leaves changed is put back, and it cannot end the program."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from partbench.benchmark.plugins.calls import PluginExit, interrupts_counted, plugin_call

KEPT: list[object] = []


def enter_inference_mode() -> None:
    KEPT.append(torch.inference_mode())
    KEPT[-1].__enter__()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("leak", "read", "name"),
    [
        (lambda: torch.set_default_dtype(torch.float64), torch.get_default_dtype, "torch's default dtype"),
        (lambda: torch.set_default_device("meta"), torch.get_default_device, "torch's default device"),
        (enter_inference_mode, torch.is_inference_mode_enabled, "torch's inference mode"),
        (lambda: torch.set_grad_enabled(False), torch.is_grad_enabled, "torch's gradients"),
        (lambda: os.chdir("/"), os.getcwd, "the working folder"),
        (lambda: torch.set_num_threads(torch.get_num_threads() + 1), torch.get_num_threads, "torch's number of thr"),
        (
            lambda: torch.use_deterministic_algorithms(True),
            torch.are_deterministic_algorithms_enabled,
            "torch's deterministic algorithms",
        ),
    ],
)
def test_a_setting_is_put_back(leak: Callable[[], None], read: Callable[[], object], name: str) -> None:
    """Whatever a plugin leaves changed is as it was, and a sentence names the plugin, the setting and both values."""
    before, told = read(), list[str]()
    with plugin_call("bad (foo 1.2)", told.append):
        leak()
        left = read()
    assert read() == before
    assert left != before
    assert any(s.startswith(f"bad (foo 1.2) leaves {name}") and f"at {left}; it was {before}," in s for s in told)
    weight = torch.ones(2, requires_grad=True)
    (weight * weight).sum().backward()
    assert weight.grad is not None


def test_a_setting_is_put_back_after_an_error() -> None:
    """A plugin that fails half-way leaves nothing behind either; the error is its own."""
    told: list[str] = []

    def leak() -> None:
        torch.set_default_dtype(torch.float64)
        raise OSError("no disk")

    with pytest.raises(OSError, match="no disk"), plugin_call("bad", told.append):
        leak()
    assert torch.get_default_dtype() is torch.float32
    assert len(told) == 1


def test_whoever_called_is_not_blamed() -> None:
    """Of calls within calls the innermost is named, once."""
    told: list[str] = []
    with plugin_call("outer", told.append), plugin_call("inner", told.append):
        torch.set_default_dtype(torch.float64)
    assert [sentence.split()[0] for sentence in told] == ["inner"]


def test_a_plugin_within_limits_is_not_told_of() -> None:
    """What is restored by the plugin itself is nobody's business."""
    told: list[str] = []
    with plugin_call("good", told.append), torch.inference_mode():
        torch.ones(2)
    assert told == []


class Odd(BaseException):
    """No error."""


@pytest.mark.parametrize(
    ("stop", "what"),
    [
        (SystemExit(0), "calls sys.exit(0)"),
        (SystemExit(), "calls sys.exit()"),
        (SystemExit("bye"), "calls sys.exit('bye')"),
        (Odd(), "raises Odd, which ends a program"),
    ],
)
def test_a_plugin_cannot_end_the_program(stop: BaseException, what: str) -> None:
    """Whatever is no error becomes one, which names the plugin."""
    with pytest.raises(PluginExit) as caught, plugin_call("bad"):
        raise stop
    assert str(caught.value) == f"bad {what}; let it raise an error instead"


@pytest.fixture
def heard() -> Iterator[None]:
    """SIGINT raises a KeyboardInterrupt, which a shell's background job ignores."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard")
def test_ctrl_c_is_the_users() -> None:
    """A KeyboardInterrupt by a signal goes through; one of a plugin's own making is its error."""
    with interrupts_counted():
        with pytest.raises(KeyboardInterrupt), plugin_call("slow"):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(PluginExit, match="bad raises KeyboardInterrupt, which is the user's"), plugin_call("bad"):
            raise KeyboardInterrupt
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_folder_that_is_gone_is_no_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the working folder was deleted, calls go on."""
    monkeypatch.chdir(tmp_path)
    tmp_path.rmdir()
    with plugin_call("good"):
        pass


def test_nothing_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listing calls plugins without torch."""
    monkeypatch.delitem(sys.modules, "torch")
    with plugin_call("good"):
        pass
    assert "torch" not in sys.modules
