"""Calls into plugins: what one leaves changed in this process is put back, and whatever it raises is its own error."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ... import UserError

MEND = "let it raise an error instead"
Warn = Callable[[str], None]


class PluginExit(UserError):
    """A plugin that would have ended the program, in one sentence: the fact, the culprit, the mend."""


class _Interrupts:
    """Counts the user's Ctrl-C, where it is watched: a KeyboardInterrupt without one is a plugin's."""

    watched = False
    count = 0


@contextmanager
def interrupts_counted() -> Iterator[None]:
    """Tell the user's own Ctrl-C from a plugin's KeyboardInterrupt; where a signal is ignored it stays so."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:
        yield
        return
    with suppress(ValueError):  # only the main thread may
        signal.signal(signal.SIGINT, _interrupt)
        _Interrupts.watched = True
    try:
        yield
    finally:
        if _Interrupts.watched:
            signal.signal(signal.SIGINT, before)
            _Interrupts.watched = False


def _interrupt(*_: object) -> None:
    _Interrupts.count += 1
    raise KeyboardInterrupt


def warn(sentence: str) -> None:
    """Tell the user where nobody else listens."""
    print(f"partbench: {sentence}", file=sys.stderr)


@contextmanager
def plugin_call(culprit: str, tell: Warn = warn) -> Iterator[None]:
    """Run a plugin's code; `tell` gets a sentence for every setting that it leaves changed."""
    before, interrupts = _settings(), _Interrupts.count
    try:
        yield
    except KeyboardInterrupt:
        if not _Interrupts.watched or _Interrupts.count > interrupts:
            raise
        raise PluginExit(f"{culprit} raises KeyboardInterrupt, which is the user's; {MEND}") from None
    except Exception:
        raise
    except SystemExit as stop:
        raise PluginExit(f"{culprit} calls sys.exit({_code(stop)}); {MEND}") from None
    except BaseException as error:  # GeneratorExit, or one of the plugin's own making
        raise PluginExit(f"{culprit} raises {type(error).__name__}, which ends a program; {MEND}") from error
    finally:
        for name, found, left in _put_back(before):
            tell(f"{culprit} leaves {name} at {left}; it was {found}, which is put back")


def _code(stop: SystemExit) -> str:
    return "" if stop.code is None else repr(stop.code)


FOLDER = "the working folder"
TORCH = {
    "torch's default dtype": ("get_default_dtype", "torch.float32"),
    "torch's default device": ("get_default_device", "cpu"),
    "torch's inference mode": ("is_inference_mode_enabled", "False"),
    "torch's gradients": ("is_grad_enabled", "True"),
    "torch's deterministic algorithms": ("are_deterministic_algorithms_enabled", "False"),
    "torch's number of threads": ("get_num_threads", ""),
}
"""Settings of torch: the function that reads each, and what it says when torch is imported ('': it depends)."""
_CONTRARY: list[object] = []
"""Undo an inference mode that was entered and never left, as long as they live."""


def _settings() -> dict[str, Any]:
    """The settings as they are; those of torch only where it is imported, which a guard never does."""
    torch = sys.modules.get("torch")
    found = {name: getattr(torch, read)() for name, (read, _) in TORCH.items()} if torch else {}
    return {FOLDER: _working_folder(), **found}


def _working_folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was deleted
        return ""


def _put_back(before: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Put every setting back that is another than before; its name, what it was and what it had become."""
    for name, left in _settings().items():
        was = before.get(name, TORCH[name][1] if name in TORCH else "")
        if was != "" and str(left) != str(was):
            _put(name, was)
            yield name, was, left


def _put(name: str, value: Any) -> None:
    if name == FOLDER:
        os.chdir(value)
        return
    torch = sys.modules["torch"]
    if name == "torch's default dtype":
        torch.set_default_dtype(getattr(torch, str(value).removeprefix("torch.")))
    elif name == "torch's default device":
        torch.set_default_device(None if str(value) == "cpu" else value)
    elif name == "torch's inference mode":
        contrary = torch._C._InferenceMode(str(value) == "True")
        contrary.__enter__()
        _CONTRARY.append(contrary)
    elif name == "torch's gradients":
        torch.set_grad_enabled(str(value) == "True")
    elif name == "torch's deterministic algorithms":
        torch.use_deterministic_algorithms(str(value) == "True")
    else:
        torch.set_num_threads(value)
