"""partbench: how well do frozen representations know the parts of an object?"""

import pluggy

hookimpl = pluggy.HookimplMarker("partbench")


class UserError(ValueError):
    """What a user can mend, in one sentence: the fact, the culprit, the mend; the command line prints no traceback."""
