"""The command line that every verb joins, and the options that several share."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Optional

import typer
from typer.core import TyperGroup

EXAMPLES = """Ask every representation how much of an object's parts it already knows.

Example:  partbench run --backbone 'stylegan2*' --head linear --shots 1,10
"""

VERBS = (
    "list run leaderboard report compare lottery plan throughput baseline gate check new fetch bring "
    "pretrain convert annotate segment submit board"
)
"""As help lists them: in the order in which one meets them."""


class _Stoppable(TyperGroup):
    """Tells who presses Ctrl-C that nothing is lost; typer by itself is silent."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx), key=VERBS.split().index)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            print("\nstopped; the same command goes on from what was finished", file=sys.stderr)
            sys.exit(130)
        except EOFError as error:  # of a file; typer would say "Aborted" and exit with 1, as if a score had fallen
            raise RuntimeError(str(error)) from error


app = typer.Typer(
    cls=_Stoppable,
    help=EXAMPLES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for a script.")]
Trust = Annotated[bool, typer.Option("--trust", help="Let code run that a backbone fetches, as radio does.")]
Names = Optional[list[str]]  # noqa: UP045  typer reads this annotation at run time on Python 3.10 as well
