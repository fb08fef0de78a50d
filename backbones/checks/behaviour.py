"""Checks of a backbone's behaviour: deterministic, frozen, without side effects."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import lru_cache, partial

import torch
from torch import nn

from ..backbone import Backbone, BackboneError, Inverts
from .probes import close, decode, images_for, rows, run

_LOCAL = "partbench_plugins"
"""A plugin without packaging, which lies in the working folder."""
_WATCH = """
import json, os, sys
endings = (".safetensors", ".pt", ".pth", ".pkl", ".bin", ".ckpt", ".npz", ".onnx")
def tell(what):
    os.write(1, what.encode())
    os._exit(0)
def watch(event, facts):
    if event == "open" and str(facts[0]).endswith(endings):
        tell(f"reads {facts[0]}")
    if event in ("socket.connect", "socket.getaddrinfo"):
        tell("asks the network")
    if event == "import" and facts[0] == "torch":
        tell("imports torch")
sys.path[:] = json.loads(sys.argv[2])
sys.addaudithook(watch)
sys.stdout = sys.stderr
__import__(sys.argv[1])
"""
_TWO_WAYS = (nn.modules.batchnorm._NormBase, nn.modules.dropout._DropoutNd)
"""Layers that do another thing in training."""


def check_import(backbone: Backbone) -> None:
    """Importing the module that offers it reads no weights, asks no network and imports no torch."""
    load = backbone.load
    while isinstance(load, partial):
        load = load.func
    module = getattr(load, "__module__", None)
    if module and (seen := _at_import(module)):
        raise BackboneError(f"importing {module} {seen}, long before {backbone.name} is used; do that inside load")


def check_frozen(backbone: Backbone) -> None:
    """No gradient leads from the maps back into the network."""
    if any(layer.requires_grad for layer in run(backbone.load(), images_for(backbone))):
        raise BackboneError(f"{backbone.name} gives maps with a gradient even under no_grad; detach them")


def check_eval(backbone: Backbone) -> None:
    """Batch normalisation and dropout are in evaluation, and no call changes a number of the network."""
    extractor = backbone.load()
    if not isinstance(extractor, nn.Module):
        return
    learning = [name for name, part in extractor.named_modules() if part.training and isinstance(part, _TWO_WAYS)]
    if learning:
        raise BackboneError(f"{learning[0]} of {backbone.name} is in training mode; let load call eval()")
    before = {name: value.clone() for name, value in extractor.state_dict().items()}
    run(extractor, images_for(backbone))
    moved = [name for name, value in extractor.state_dict().items() if not torch.equal(value, before[name])]
    if moved:
        raise BackboneError(f"a call of {backbone.name} changes its {moved[0]}; leave the network as it was loaded")


def check_untouched(backbone: Backbone) -> None:
    """The images that it is given are the same afterwards."""
    images = images_for(backbone)
    given = images.clone()
    run(backbone.load(), given)
    if not torch.equal(given, images):
        raise BackboneError(f"{backbone.name} writes into the images that it is given; work on a copy")


def check_deterministic(backbone: Backbone) -> None:
    """The same images always give the same maps."""
    extractor, images = backbone.load(), images_for(backbone)
    if not close(run(extractor, images), run(extractor, images)):
        mend = "put it into eval mode and seed what it draws"
        raise BackboneError(f"{backbone.name} gives new maps for the same images; {mend}")


def check_device(backbone: Backbone) -> None:
    """Maps of float32 images are float32, and on the images' device: on every device that this machine has."""
    extractor = backbone.load()
    for device in _devices() if isinstance(extractor, nn.Module) else ["cpu"]:
        if isinstance(extractor, nn.Module):
            extractor.to(device)
        for index, layer in enumerate(run(extractor, images_for(backbone).to(device))):
            if layer.device.type != device:
                what = f"map {index} of {backbone.name} is on {layer.device.type} for images on {device}"
                raise BackboneError(f"{what}; make constants buffers of its module")
            if layer.dtype != torch.float32:
                what = f"map {index} of {backbone.name} is {layer.dtype} for images of torch.float32"
                raise BackboneError(f"{what}; give it with .float()")


def check_batch(backbone: Backbone) -> None:
    """An image's maps depend neither on the images beside it nor on its place; of codes likewise, where it inverts."""
    extractor, images = backbone.load(), images_for(backbone)
    if isinstance(extractor, Inverts):
        # Latent optimisation amplifies the rounding of another batch size, so the codes are held fixed.
        codes = extractor.invert(images)
        answers = [decode(extractor, rows(codes, order)) for order in ([0, 1], [0], [1, 0])]
    else:
        answers = [run(extractor, images[order]) for order in ([0, 1], [0], [1, 0])]
    both, alone, swapped = answers
    if not close([layer[:1] for layer in both], alone):
        raise BackboneError(f"{backbone.name} mixes the images of a batch; put it into eval mode")
    if not close(both, [layer[[1, 0]] for layer in swapped]):
        raise BackboneError(f"{backbone.name} gives an image other maps in another place of a batch; keep the order")


@lru_cache
def _at_import(module: str) -> str:
    """What importing a module in a new process does that it should not; nothing of one that is not installed."""
    path = json.dumps([*[""] * (module == _LOCAL), *sys.path])
    command = [sys.executable, "-c", _WATCH, module, path]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _devices() -> list[str]:
    """`cpu`, and what there is besides."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return ["cpu", *(name for name, found in there.items() if found)]
