"""Adam as torch computes it, without torch's compiler: to import that takes longer than to train a small head."""

from __future__ import annotations

from inspect import unwrap

import torch


class Adam(torch.optim.Adam):
    """torch.optim.Adam to the bit.

    Around these methods torch puts what keeps its compiler out of them, and imports the compiler for it.
    """

    add_param_group = unwrap(torch.optim.Adam.add_param_group)
    zero_grad = unwrap(torch.optim.Adam.zero_grad)
    step = torch.no_grad()(unwrap(torch.optim.Adam.step))
