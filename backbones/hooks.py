"""Activations of named layers: turns any `nn.Module` into an extractor, without touching its code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches

import torch
from torch import Tensor, nn

from .backbone import BackboneError


class Activations(nn.Module):
    """The outputs of named layers of a module, in the order in which they are named.

    ::

        extractor = Activations(resnet18(), layers=("layer1.0.conv1", "layer2.0.conv1"))
        maps = extractor(images)

    The module is put into evaluation mode, and no gradient reaches it. `forward(module, images)` says
    how it is called where `module(images)` is not what is wanted:
    `forward=lambda vae, images: vae.decode(vae.encode(images))`.
    """

    def __init__(
        self, module: nn.Module, layers: Sequence[str], forward: Callable[[nn.Module, Tensor], object] | None = None
    ) -> None:
        super().__init__()
        names = [name for name, _ in module.named_modules()]
        for layer in layers:
            if layer not in names:
                raise BackboneError(f"{_kind(module)} has no layer '{layer}'; {_guess(layer, names)}")
        self.module, self.layers, self.run = module.eval(), tuple(layers), forward or nn.Module.__call__

    @torch.no_grad()
    def forward(self, images: Tensor) -> list[Tensor]:
        """Map images (N, 3, S, S) to the outputs of `layers`, each as its layer gives it."""
        seen: dict[str, Tensor] = {}
        with self._watching(seen):
            self.run(self.module, images)
        for layer in self.layers:
            if layer not in seen:
                where = f"layer '{layer}' of {_kind(self.module)}"
                raise BackboneError(f"{where} is not reached; name another, or say with `forward` how to call it")
        return [seen[layer] for layer in self.layers]

    @contextmanager
    def _watching(self, seen: dict[str, Tensor]) -> Iterator[None]:
        """Hooks that live for one call, so that a copy or a nested call never writes into another's."""
        handles = []
        try:
            for layer in set(self.layers):
                handles.append(self.module.get_submodule(layer).register_forward_hook(self._keeper(layer, seen)))
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _keeper(self, layer: str, seen: dict[str, Tensor]) -> Callable[[nn.Module, object, object], None]:
        def keep(_module: nn.Module, _inputs: object, output: object) -> None:
            where = f"layer '{layer}' of {_kind(self.module)}"
            if layer in seen:
                raise BackboneError(f"{where} is called twice in one forward pass; name layers that are called once")
            tensor = _first_tensor(output)
            if tensor is None:
                raise BackboneError(f"{where} gives a {type(output).__name__}, no tensor; name a layer that gives one")
            # A copy, since an in-place ReLU behind the layer would write into the original.
            seen[layer] = tensor.detach().clone()

        return keep


def _first_tensor(output: object) -> Tensor | None:
    candidates = output if isinstance(output, (tuple, list)) else (output,)
    return next((value for value in candidates if isinstance(value, Tensor)), None)


def _kind(module: nn.Module) -> str:
    return type(module).__name__


def _guess(layer: str, names: list[str]) -> str:
    close = get_close_matches(layer, names, 3)
    if close:
        return "did you mean " + " or ".join(f"'{name}'" for name in close) + "?"
    return "`named_modules()` lists what it has"
