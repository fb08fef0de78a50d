"""partbench: how well do frozen representations know the parts of an object?"""

import pluggy

hookimpl = pluggy.HookimplMarker("partbench")
