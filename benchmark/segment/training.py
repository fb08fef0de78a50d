"""The training of the segmenter (section 4.3): every pair is seen flipped, scaled, turned and moved at random."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ...backbones.training.distributed import autocast
from ...datasets.dataset import IGNORE
from ..pretrain.checkpoints import read_checkpoint, save_checkpoint
from ..sealed_files import set_aside
from .augmentation import Augmentation, draw_places, move
from .network import UNet
from .pairs import Pairs
from .recipe import SegmenterRecipe

Report = Callable[[int, int], None]
"""Told after every step how many are done, and of how many."""
PARTS = ("network", "optimizer", "plateau")
"""Of a training, what a checkpoint holds a state of."""
KEPT_EVERY = 60.0
"""Seconds between two checkpoints."""


def target_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy of logits (N, K, S, S) on masks (N, S, S), or on the probabilities of target logits."""
    if targets.is_floating_point():
        return F.cross_entropy(logits, targets.softmax(1))
    labelled = (targets != IGNORE).sum().clamp(min=1)
    return F.cross_entropy(logits, targets, ignore_index=IGNORE, reduction="sum") / labelled


def augment(images: Tensor, targets: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    """Images and their targets, moved alike: masks by the nearest pixel, logits and images by interpolation."""
    if targets.is_floating_point():
        return move(images, places), move(targets, places)
    return move(images, places), move(targets[:, None].float(), places, mode="nearest")[:, 0].long()


def train_unet(
    pairs: Pairs,
    classes: int,
    recipe: SegmenterRecipe,
    seed: int,
    device: torch.device,
    report: Report = lambda done, total: None,
    checkpoint: Path | None = None,
    tell: Callable[[str], None] = print,
) -> UNet:
    """A U-Net that has learnt from pairs; the same seed gives the same bits on one kind of machine.

    With a `checkpoint` file, a training that was stopped goes on where it was a minute before; `tell` hears of one that
    cannot be used.
    """

    def begin() -> Training:
        torch.manual_seed(seed)
        return Training(UNet(classes, recipe.width), pairs, recipe, seed, device)

    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        training = begin()
        if checkpoint and not training.restore(checkpoint, tell):
            training = begin()
        kept = time.monotonic()
        for _ in training:
            report(training.step, training.total)
            if checkpoint and time.monotonic() - kept > KEPT_EVERY:
                training.keep(checkpoint)
                kept = time.monotonic()
    return training.network.requires_grad_(False).eval()


@dataclass
class _Split:
    """Rows to learn from, and rows that the validation loss is taken from."""

    learnt: Tensor
    held: Tensor


def split_rows(count: int, learnt: int, random: torch.Generator) -> _Split:
    """`learnt` random rows, and the others; where there are none, their own loss has to do."""
    order = torch.randperm(count, generator=random)
    return _Split(order[:learnt], order[learnt:] if learnt < count else order)


class Training:
    """An iteration over the steps of one training, whose state can be kept and taken up again."""

    def __init__(self, network: UNet, pairs: Pairs, recipe: SegmenterRecipe, seed: int, device: torch.device) -> None:
        self.network: UNet = network.to(device).to(memory_format=torch.channels_last)
        self.pairs, self.recipe, self.device = pairs, recipe, device
        self.augmentation = Augmentation(share=recipe.moved)
        self.random = torch.Generator().manual_seed(seed)
        self.split = split_rows(len(pairs), recipe.learnt(len(pairs)), self.random)
        self.total, self.epoch = recipe.total(len(pairs)), recipe.total(len(pairs)) // recipe.epochs
        self.step = 0
        self.order = torch.empty(0, dtype=torch.long)
        self.optimizer = torch.optim.Adam(network.parameters(), recipe.rate)
        self.plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
            self.optimizer, factor=recipe.decay, patience=recipe.patience
        )

    def keep(self, checkpoint: Path) -> None:
        """Write where the training stands."""
        parts = {name: getattr(self, name).state_dict() for name in PARTS}
        facts = {"recipe": asdict(self.recipe), "step": self.step, "order": self.order}
        save_checkpoint(checkpoint, parts | facts | {"random": self.random.get_state()}, {"work": checkpoint.name})

    def restore(self, checkpoint: Path, tell: Callable[[str], None]) -> bool:
        """Go on from a checkpoint of the same recipe; False where there is none, and nothing can be said of `self`."""
        if not checkpoint.exists():
            return False
        try:
            state = read_checkpoint(checkpoint, {"work": checkpoint.name})
            for name in PARTS:
                getattr(self, name).load_state_dict(state[name])
            self.random.set_state(state["random"])
            self.step, self.order = state["step"], state["order"]
        except Exception as error:  # torch raises all sorts on what is no state of this training
            tell(set_aside(checkpoint, error))
            return False
        return bool(state["recipe"] == asdict(self.recipe))

    def __iter__(self) -> Iterator[float]:
        """The loss of every step that is left."""
        while self.step < self.total:
            yield self._descend()

    def _descend(self) -> float:
        if self.recipe.steps:
            self.optimizer.param_groups[0]["lr"] = self.recipe.rate * self.recipe.factor(self.step)
        images, targets = self._batch()
        self.network.train()
        with torch.enable_grad(), autocast(self.device):
            loss = target_loss(self.network(images).float(), targets)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.step += 1
        if not self.recipe.steps and self.step % self.epoch == 0:  # an epoch ends
            self.plateau.step(self.validate())
        return loss.item()

    def _batch(self) -> tuple[Tensor, Tensor]:
        """The next pairs, augmented; few pairs fill a batch several times over."""
        count = self.recipe.batch
        while len(self.order) < count:
            learnt = self.split.learnt
            self.order = torch.cat([self.order, learnt[torch.randperm(len(learnt), generator=self.random)]])
        rows, self.order = self.order[:count], self.order[count:]
        images, targets = (part.to(self.device) for part in self.pairs.read(rows.tolist()))
        places = draw_places(self.augmentation, count, self.random)
        images, targets = augment(images, targets, places)
        return images.contiguous(memory_format=torch.channels_last), targets

    @torch.no_grad()
    def validate(self) -> float:
        """The loss on the pairs that are held out, as they are."""
        self.network.eval()
        total = 0.0
        for rows in self.split.held.split(self.recipe.batch):
            images, targets = (part.to(self.device) for part in self.pairs.read(rows.tolist()))
            with autocast(self.device):
                logits = self.network(images)
            total += target_loss(logits.float(), targets).item() * len(rows)
        return total / len(self.split.held)
