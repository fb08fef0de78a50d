"""The command line, `partbench`: the verbs are those of `verbs`."""

from __future__ import annotations

import sys
from typing import NoReturn

from ..calls import interrupts_counted
from .verbs import annotate, new, run, scores, segment, weights  # noqa: F401  each adds its verbs to the app
from .verbs.app import app


def main() -> None:
    """Run the command line; what a user can mend is one sentence and exit code 2, without a traceback."""
    try:
        with interrupts_counted():
            app()
    except ValueError as error:
        if not type(error).__module__.startswith("partbench."):
            raise
        _stop(str(error))
    except OSError as error:  # a disk that is full, a folder that is another's
        if not error.filename:
            raise
        _stop(f"{error.strerror}: {error.filename}; see to it and run the same command again")


def _stop(sentence: str) -> NoReturn:
    print(f"partbench: {sentence}", file=sys.stderr)
    sys.exit(2)
