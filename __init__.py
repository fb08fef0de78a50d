"""partbench: how well do frozen representations know the parts of an object?"""

import pluggy

hookimpl = pluggy.HookimplMarker("partbench")


class UserError(ValueError):
    """What a user can mend, in one sentence: the fact, the culprit, the mend; the command line prints no traceback."""


def counted(number: int, noun: str) -> str:
    """`1 shot`, `5 shots`, `1,000 images`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def one_line(error: BaseException, most: int = 200) -> str:
    """An exception in one line: a sentence of ours as it is, any other cut and behind its kind."""
    text = " ".join(str(error).split())
    if text and isinstance(error, (UserError, ImportError)):
        return text
    return f"{type(error).__name__}: {text[:most]}{' ...' * (len(text) > most)}".removesuffix(": ")
