"""Stacks: heads of one kind, each with numbers of its own, that compute together (`torch.func`).

One operator serves all of them, where each alone would dispatch its own: on a GPU a step of a small head is launches,
not arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import cache
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from .. import one_line
from .head import Head, ReadsPixels, ReadsRows, Solves

TOLERANCE = 1e-3
"""How far the logits and gradients of a stack may lie from those of each by itself, against the largest of them."""

Self = TypeVar("Self", bound="Stack")

CHANNELS, SIDES, CLASSES, SIZE = (3, 2), (2, 8), 3, 8
"""Of the maps on which a head shows that it can be stacked."""


class _Call(nn.Module):
    """Anything that is done with a head, as a forward pass: `functional_call` knows no other."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, function: Callable[..., Tensor], *data: Any) -> Tensor:
        return function(self.head, *data)


class Stack:
    """Heads that `build` made one by one, as one whose every number has a first axis of members."""

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        self._call = _Call(deepcopy(modules[0]))
        parameters, buffers = stack_module_state(list(modules))
        self.parameters = {name: _in_order(number) for name, number in parameters.items()}
        """By name, (M, ...)."""
        self.buffers = {name: _in_order(number) for name, number in buffers.items()}

    @property
    def head(self) -> nn.Module:
        """A head of this kind, whose own numbers mean nothing."""
        return self._call.head

    @property
    def trained(self) -> list[Tensor]:
        """The parameters that learn, (M, ...)."""
        return [parameter for parameter in self.parameters.values() if parameter.requires_grad]

    def each(self, function: Callable[..., Tensor], *data: Any) -> Tensor:
        """`function(head, *data)` of every member, with its own numbers and its own data: (M, ...).

        Every tensor in `data` has a first axis of members, which the function does not see.
        """

        def one(parameters: dict[str, Tensor], buffers: dict[str, Tensor], *data: Any) -> Tensor:
            state = {f"head.{name}": number for name, number in (parameters | buffers).items()}
            result: Tensor = functional_call(self._call, state, (function, *data))
            return result

        together: Tensor = vmap(one, randomness="error")(self.parameters, self.buffers, *data)
        return together

    def member(self, place: int) -> nn.Module:
        """One of them as a head by itself."""
        module = deepcopy(self.head)
        numbers = self.parameters | self.buffers
        module.load_state_dict({name: numbers[name][place].detach().clone() for name in module.state_dict()})
        return module

    def keep(self, places: Tensor) -> None:
        """Go on with the members at these places alone."""
        self.parameters = {name: _in_order(number, places) for name, number in self.parameters.items()}
        self.buffers = {name: _in_order(number, places) for name, number in self.buffers.items()}


def _in_order(number: Tensor, places: Tensor | slice = slice(None)) -> Tensor:
    """A stacked number by itself, contiguous: torch's gradients of stacked channels-last convolutions are wrong."""
    return number.detach()[places].contiguous().requires_grad_(number.requires_grad)


@cache
def why_alone(head: Head) -> str | None:
    """Why a head has to train alone; None if two of it, stacked, have the logits and gradients of each by itself."""
    modules = [_build(head, seed).train() for seed in range(2)]
    if isinstance(modules[0], Solves):
        return "it is solved, in no steps"
    maps = _maps(2, 1)
    for function in _readings(modules[0]):
        try:
            together = _gradients(stack := Stack(modules), stack.each(function, maps))
        except Exception as error:  # torch refuses what it cannot stack, in many ways
            return one_line(error)
        alone = [_own_gradients(module, function(module, [m[i] for m in maps])) for i, module in enumerate(modules)]
        if not all(map(_agree, together, zip(*alone, strict=True))):
            return "stacked, its logits or gradients are others than alone"
    return None


@cache
@torch.no_grad()
def why_predicts_alone(head: Head) -> str | None:
    """Why a head has to predict alone; None if two of it, stacked, have the logits of each by itself."""
    modules, maps = [_built_to_predict(head, seed) for seed in range(2)], _maps(2)
    for function in _readings(modules[0]):
        try:
            together = Stack(modules).each(lambda head, function=function: function(head, maps))
        except Exception as error:  # as above
            return one_line(error)
        if not _agree(together, [function(module, maps) for module in modules]):
            return "stacked, its logits are others than alone"
    return None


def _agree(together: Tensor, alone: Sequence[Tensor]) -> bool:
    apart, most = (together - torch.stack([*alone])).abs().amax(), together.abs().amax()
    return bool(apart <= TOLERANCE * most)  # NaN is no agreement


def _maps(*first: int) -> list[Tensor]:
    random = torch.Generator().manual_seed(0)
    return [torch.randn(*first, c, side, side, generator=random) for c, side in zip(CHANNELS, SIDES, strict=True)]


def _build(head: Head, seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return head.build(CHANNELS, CLASSES)


def _built_to_predict(head: Head, seed: int) -> nn.Module:
    """A head as it is after training; one that is solved has something to know."""
    module = _build(head, seed)
    if isinstance(module, Solves):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module.solve(lambda shot: _maps(1), torch.randint(CLASSES, (1, SIZE, SIZE)))
    return module.requires_grad_(False).eval()


def _readings(module: nn.Module) -> list[Callable[..., Tensor]]:
    """The ways in which a head is read, each a function of the head and of maps."""
    readings: list[Callable[..., Tensor]] = [lambda head, maps: head(maps, SIZE)]
    if isinstance(module, ReadsPixels):
        readings.append(lambda head, maps: head.at(maps, torch.tensor([[5, 40]]).expand(len(maps[0]), -1), SIZE))
    if isinstance(module, ReadsRows):
        readings.append(lambda head, maps: head.rows(maps, (2, 5), SIZE))
    return readings


def _gradients(stack: Stack, logits: Tensor) -> list[Tensor]:
    """Logits, and the gradients of their squares: each (M, ...)."""
    return [logits.detach(), *torch.autograd.grad(logits.square().sum(), stack.trained)]


def _own_gradients(module: nn.Module, logits: Tensor) -> list[Tensor]:
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    return [logits.detach(), *torch.autograd.grad(logits.square().sum(), trained)]
