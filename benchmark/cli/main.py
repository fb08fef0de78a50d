"""The command line, `partbench`: the verbs are those of `verbs`."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from typing import NoReturn

from ... import UserError
from ..plugins.calls import interrupts_counted
from .ascii_output import spell_out
from .fetch_line import show_fetches
from .verbs import (  # noqa: F401  each adds its verbs to the app
    annotate,
    board,
    bring,
    fetch,
    new,
    run,
    scores,
    segment,
    shelves,
    throughput,
    weights,
)
from .verbs.app import app

MISUSE, BROKE = 2, 3
"""Exit codes: of what the user can mend in the command or the files that it names, and of what broke on the way."""
WRONG_PATH = (
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENAMETOOLONG,
)


def main() -> None:
    """Run the command line; only a fault of partbench or a plugin itself has a traceback."""
    spell_out()
    show_fetches()
    try:
        with interrupts_counted():
            try:
                app()
            finally:
                sys.stdout.flush()  # what Python does at its end, where nobody can say what went wrong
    except UserError as error:
        _stop(str(error), MISUSE)
    except BrokenPipeError:  # whoever reads has enough, as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(BROKE)
    except Exception as error:
        if not isinstance(error, OSError) or not error.errno:
            traceback.print_exc()
            _stop("this is a fault of partbench or a plugin; report the lines above", BROKE)
        where = f": {error.filename}" if error.filename else ""
        code = MISUSE if error.errno in WRONG_PATH else BROKE
        _stop(f"{error.strerror}{where}; see to it and run the same command again", code)


def _stop(sentence: str, code: int) -> NoReturn:
    print(f"partbench: {sentence}", file=sys.stderr)
    sys.exit(code)
