"""Checks that any head must pass, each a function of a `Head` that raises `HeadError`.

::

    @pytest.mark.parametrize("check", CHECKS)
    def test_my_head(check):
        check(Head("mine", build=MyHead))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..head import Head, HeadError, ReadsPixels, ReadsRows, Solves
from ..stack import why_alone
from ..state import give_state
from .probes import CHANNELS, CLASSES, built, close, logits_of, noise_maps, sign_labels
from .solving import check_solves, check_unseen

STEPS = 200
"""Steps that a head has to learn one picture, with Adam at a rate of 0.01."""


def check_builds(head: Head) -> None:
    """`build` gives a module, for any number of maps and any channels."""
    for channels in (CHANNELS, (7,)):
        if not isinstance(module := built(head, channels), nn.Module):
            kind = type(module).__name__
            raise HeadError(f"{head.name} builds a {kind}, not a module; let `build` return a torch.nn.Module")


def check_logits(head: Head) -> None:
    """The logits are (N, classes, size, size), whether the maps are smaller, larger or as large."""
    module = built(head)
    for size in (5, 8, 11):
        shape, asked = tuple(logits_of(module, noise_maps(2), size).shape), (2, CLASSES, size, size)
        if shape != asked:
            raise HeadError(f"{head.name} gives logits {shape} where {asked} was asked; resize them to `size`")


def check_untouched(head: Head) -> None:
    """The maps that it reads are the same afterwards, since other heads read them too."""
    maps = noise_maps(2)
    given = [layer.clone() for layer in maps]
    logits_of(built(head), given, 8)
    if not all(torch.equal(one, other) for one, other in zip(given, maps, strict=True)):
        raise HeadError(f"{head.name} writes into the maps that it reads; work on a copy")


def check_device(head: Head) -> None:
    """Logits are float32, and on the maps' device: on every device that this machine has."""
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    for device in (name for name, found in there.items() if found):
        logits = logits_of(built(head, device=device), [layer.to(device) for layer in noise_maps(2)], 8)
        if logits.device.type != device or logits.dtype != torch.float32:
            what = f"{head.name} gives {logits.dtype} on {logits.device.type} for maps of torch.float32 on {device}"
            raise HeadError(f"{what}; make its constants buffers, and keep the dtype of the maps")


def check_gradients(head: Head) -> None:
    """Every parameter gets a gradient, if it is trained."""
    module = built(head)
    if isinstance(module, Solves):
        return
    module(noise_maps(2), 8).square().sum().backward()
    idle = [name for name, p in module.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    if idle:
        raise HeadError(f"{head.name} never trains {', '.join(idle)}; use it in `forward` or take it out")


def check_seed(head: Head) -> None:
    """`torch.manual_seed` decides the initial numbers, and the same maps always give the same logits."""
    first, second = built(head), built(head)
    if not torch.equal(logits_of(first, noise_maps(1), 8), logits_of(second, noise_maps(1), 8)):
        raise HeadError(f"{head.name} differs from itself under one seed; draw from torch's generator alone")
    if not torch.equal(logits_of(first, noise_maps(1), 8), logits_of(first, noise_maps(1), 8)):
        raise HeadError(f"{head.name} gives new logits for the same maps; draw nothing at random in eval mode")


def check_kept(head: Head) -> None:
    """A head that is built anew says the same once it has the state of one that was trained: that one is scored."""
    module, maps = built(head), noise_maps(2)
    if isinstance(module, Solves):
        return
    _take_steps(module.train(), maps)
    other = built(head)
    give_state(other, head.name, module.state_dict())
    if not torch.equal(logits_of(other, maps, 8), logits_of(module.eval(), maps, 8)):
        what = f"{head.name} gives other logits once it is saved and loaded"
        raise HeadError(f"{what}; keep all that it learns in parameters and buffers")


def _take_steps(module: nn.Module, maps: Sequence[Tensor]) -> None:
    """Two steps of a training, on whole images, and on pixels or rows where it reads those."""
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-2)
    ways: list[Callable[[], Tensor]] = [lambda: module(maps, 8)]
    if isinstance(module, ReadsPixels):
        ways.append(lambda: module.at(maps, torch.arange(7).expand(2, -1), 8))
    if isinstance(module, ReadsRows):
        ways.append(lambda: module.rows(maps, (0, 3), 8))
    for way in (*ways, *ways):
        optimizer.zero_grad()
        way().square().mean().backward()
        optimizer.step()


def check_batch(head: Head) -> None:
    """An image's logits do not depend on the images beside it."""
    module, maps = built(head), noise_maps(2)
    alone = torch.cat([logits_of(module, [layer[i : i + 1] for layer in maps], 8) for i in range(2)])
    if not close(logits_of(module, maps, 8), alone):
        raise HeadError(f"{head.name} mixes the images of a batch; compute each image's logits from its maps alone")


def check_pixels(head: Head) -> None:
    """A head that `ReadsPixels` says the same about a pixel as about the whole picture."""
    module, maps = built(head), noise_maps(2)
    if not isinstance(module, ReadsPixels):
        return
    for size in (5, 8, 11):
        pixels = torch.randint(size * size, (2, 7), generator=torch.Generator().manual_seed(0))
        whole = logits_of(module, maps, size).flatten(2).gather(2, pixels[:, None].expand(-1, CLASSES, -1))
        with torch.no_grad():
            some = module.at(maps, pixels, size)
        if some.shape != whole.shape or not close(some, whole):
            raise HeadError(f"{head.name}.at differs from forward at the same pixels; read eq. (1) with `sample`")


def check_rows(head: Head) -> None:
    """A head that `ReadsRows` says the same about some rows as about the whole picture."""
    module, maps = built(head), noise_maps(2)
    if not isinstance(module, ReadsRows):
        return
    for size, rows in ((5, (0, 2)), (8, (3, 5)), (11, (7, 11))):
        whole = logits_of(module, maps, size)[:, :, slice(*rows)]
        with torch.no_grad():
            some = module.rows(maps, rows, size)
        if some.shape != whole.shape or not close(some, whole):
            raise HeadError(f"{head.name}.rows differs from forward in the same rows; begin as far outside as it sees")


def check_learns(head: Head) -> None:
    """The head can learn one small picture by heart."""
    module, maps = built(head), noise_maps(1)
    labels = sign_labels(maps)
    if isinstance(module, Solves):
        module.solve(lambda place: maps, labels)
        right = (logits_of(module, maps, 8).argmax(1) == labels).float().mean().item()
        if right > 0.9:
            return
        raise HeadError(f"{head.name} knows only {right:.0%} of the picture that it has solved; see what it reads")
    module.train()
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-2)
    right = 0.0
    for _ in range(STEPS):
        logits = module(maps, 8)
        right = (logits.argmax(1) == labels).float().mean().item()
        if right > 0.9:
            return
        optimizer.zero_grad()
        F.cross_entropy(logits, labels).backward()
        optimizer.step()
    raise HeadError(f"{head.name} learns only {right:.0%} of one picture in {STEPS} steps; see that its loss can fall")


def training_of(head: Head) -> str:
    """How a head trains where many of its kind do: no check, since either is right."""
    why = why_alone(head)
    return "in a stack with others of its kind" if why is None else f"alone ({why})"


CHECKS: tuple[Callable[[Head], None], ...] = (
    check_builds,
    check_logits,
    check_untouched,
    check_device,
    check_gradients,
    check_seed,
    check_kept,
    check_batch,
    check_pixels,
    check_rows,
    check_learns,
    check_solves,
    check_unseen,
)
"""All of them, in the order in which to mend."""
