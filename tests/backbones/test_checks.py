"""The checks pass a sound backbone, and each refuses what breaks its promise, in one sentence."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from partbench.backbones import checks
from partbench.backbones.backbone import Backbone, BackboneError, Extractor
from partbench.backbones.checks import CHECKS, alignment, behaviour

SIZE = 32


class Toy:
    """An extractor with everything: two maps of its images, an inversion and a generator."""

    def __call__(self, images: Tensor) -> Any:
        if images.shape[-1] != SIZE:
            raise RuntimeError(f"images of {images.shape[-1]}\npixels")
        return [F.avg_pool2d(images, 2), F.avg_pool2d(images, 4).repeat(1, 2, 1, 1)]

    def sample(self, count: int, seed: int) -> tuple[Tensor, Any]:
        images = torch.rand(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))
        return images, self(images)


class Inverting(Toy):
    """Its code of an image is the image."""

    def invert(self, images: Tensor) -> Any:
        return {"w": images}

    def maps(self, codes: Mapping[str, Tensor]) -> Any:
        return self(codes["w"])

    def reconstruct(self, codes: Mapping[str, Tensor]) -> Tensor:
        return codes["w"]


class Drawing(Inverting):
    """Its codes of what it samples are the images."""

    def draw(self, count: int, seed: int) -> Any:
        return {"w": self.sample(count, seed)[0]}


def toy(load: Callable[[], Extractor] = Toy, **changes: Any) -> Backbone:
    """The record of a toy."""
    return Backbone(**{"name": "toy", "size": SIZE, "channels": (3, 6), "load": load, **changes})


def bent(change: Callable[[Tensor], Any], kind: type[Toy] = Toy) -> Backbone:
    """A toy whose maps went through `change`."""

    class Bent(kind):  # type: ignore[valid-type, misc]
        def __call__(self, images: Tensor) -> Any:
            return [change(layer) for layer in super().__call__(images)]

    return toy(Bent)


def returning(method: str, function: Callable[..., Any], kind: type[Toy] = Inverting) -> Backbone:
    """A toy with one method exchanged."""
    return toy(type("Exchanged", (kind,), {method: function}))


def crash() -> Extractor:
    """A loader without its file."""
    raise FileNotFoundError("toy.pt")


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("kind", [Toy, Inverting, Drawing])
def test_a_sound_backbone_passes(check: Callable[[Backbone], None], kind: type[Toy]) -> None:
    """Every check accepts the toy, whether it inverts or not."""
    check(toy(kind))


@pytest.mark.parametrize("check", CHECKS)
def test_a_network_passes(check: Callable[[Backbone], None]) -> None:
    """An untrained strided network with batch norm is sound, however far its layers see."""

    def build() -> Extractor:
        torch.manual_seed(0)
        first = nn.Sequential(nn.Conv2d(3, 8, 7, 2, 3), nn.BatchNorm2d(8), nn.ReLU()).eval()
        second = nn.Sequential(nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 5, 1, 2)).eval()
        return lambda images: [first(images), second(first(images))]

    check(toy(build, size=64, channels=(8, 8)))


def test_every_check_is_listed_and_says_what_it_holds() -> None:
    """No check is forgotten in CHECKS, and its docstring is the promise."""
    modules = (checks, behaviour, alignment)
    written = {check for module in modules for name, check in vars(module).items() if name.startswith("check_")}
    assert set(CHECKS) == written and len(CHECKS) == len(written)
    assert all(check.__doc__ for check in CHECKS)


def with_nan(layer: Tensor) -> Tensor:
    return torch.where(layer > layer.mean(), layer, torch.nan)


def attached(layer: Tensor) -> Tensor:
    with torch.enable_grad():
        return layer * torch.ones(1, requires_grad=True)


def greedy(self: Toy, images: Tensor) -> Any:
    """Maps of images that it writes into."""
    return Toy.__call__(self, images.mul_(0.5))


def bordered(layer: Tensor) -> Tensor:
    """The map of the image with a border around it."""
    return F.interpolate(F.pad(layer, [layer.shape[-1] // 4] * 4), layer.shape[-2:], mode="area")


class Network(nn.Module):
    """A network in the mode that it is made in."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, images: Tensor) -> list[Tensor]:
        return [self.layer(images)]


class Counting(Network):
    """A network that counts its calls in a buffer."""

    def __init__(self) -> None:
        super().__init__(nn.AvgPool2d(2))
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, images: Tensor) -> list[Tensor]:
        self.get_buffer("calls").add_(1)
        return super().forward(images)


def swapping(self: Toy, images: Tensor) -> Any:
    """Maps in the order of the images' brightness."""
    return [layer[images.mean((1, 2, 3)).argsort()] for layer in Toy.__call__(self, images)]


FAULTS: list[tuple[Callable[[Backbone], None], Backbone, str]] = [
    (checks.check_loads, toy(crash), r"toy cannot be loaded \(FileNotFoundError: toy.pt\); see to its weights"),
    (checks.check_loads, toy(lambda: None), "load of toy gives a NoneType; return something to call with images"),  # type: ignore[arg-type, return-value]
    (
        checks.check_size,
        toy(size=64),
        r"toy fails on images \(2, 3, 64, 64\) \(RuntimeError: images of 64 pixels\); declare the size that it takes",
    ),
    (
        checks.check_maps,
        toy(channels=(3, 6, 9)),
        r"toy declares channels=\(3, 6, 9\) but its maps have \(3, 6\)",
    ),
    (checks.check_maps, toy(channels=(6, 3)), r"toy declares channels=\(6, 3\) but its maps have \(3, 6\)"),
    (
        checks.check_maps,
        bent(lambda layer: layer.mean((2, 3))),
        r"toy has a map of shape \(2, 3\); make it \(N, C, h, w\)",
    ),
    (
        checks.check_maps,
        bent(lambda layer: layer.mean(0, True)),
        "map 0 of toy is for 1 images of 2; put the image first",
    ),
    (checks.check_maps, bent(lambda layer: layer.long()), "map 0 of toy is torch.int64; make it a float"),
    (checks.check_maps, bent(with_nan), "map 0 of toy has NaN in it; see where its network overflows"),
    (checks.check_maps, bent(lambda layer: layer / 0), "map 0 of toy has (infinity|NaN) in it; see where"),
    (behaviour.check_frozen, bent(attached), "toy gives maps with a gradient even under no_grad; detach them"),
    (
        behaviour.check_deterministic,
        bent(lambda layer: F.dropout(layer, 0.1)),
        "toy gives new maps for the same images; put it into eval mode and seed what it draws",
    ),
    (
        behaviour.check_eval,
        toy(lambda: Network(nn.Sequential(nn.AvgPool2d(2), nn.Dropout(0.5))), channels=(3,)),
        "layer.1 of toy is in training mode; let load call eval",
    ),
    (
        behaviour.check_eval,
        toy(Counting, channels=(3,)),
        "a call of toy changes its calls; leave the network as it was loaded",
    ),
    (
        behaviour.check_untouched,
        returning("__call__", greedy, Toy),
        "toy writes into the images that it is given; work on a copy",
    ),
    (
        behaviour.check_device,
        bent(lambda layer: layer.double()),
        r"map 0 of toy is torch.float64 for images of torch.float32; give it with .float\(\)",
    ),
    (
        behaviour.check_batch,
        returning("__call__", swapping, Toy),
        "toy (mixes the images|gives an image other maps in another place) of a batch",
    ),
    (
        alignment.check_shift,
        bent(bordered),
        r"a change moves by \(0.50, -0.50\) in the image and \(0.32, -0.32\) in its maps for toy; let every map span",
    ),
    (
        behaviour.check_batch,
        bent(lambda layer: layer - layer.mean((0, 2, 3), True)),
        "toy mixes the images of a batch; put it into eval mode",
    ),
    (behaviour.check_batch, bent(lambda layer: layer - layer.mean(), Inverting), "toy mixes the images of a batch"),
    (
        alignment.check_aligned,
        bent(lambda layer: layer.flip(3)),
        r"toy answers a change at \(0.19, 0.81\) of the image at \(0.19, 0.19\) of its maps; keep rows and columns",
    ),
    (alignment.check_aligned, bent(lambda layer: layer.flip(2)), r"of the image at \(0.81, 0.81\) of its maps"),
    (alignment.check_aligned, bent(lambda layer: layer.mT), r"of the image at \(0.81, 0.19\) of its maps"),
    (alignment.check_aligned, bent(lambda layer: layer.flip(2).mT), r"of the image at \(0.81, 0.81\) of its maps"),
    (
        alignment.check_aligned,
        bent(lambda layer: layer.roll(layer.shape[2] // 2, 2)),
        "keep rows and columns in the image's order",
    ),
    (
        checks.check_inverts,
        returning("invert", lambda self, images: images),
        "toy.invert gives no codes; return a dict of float tensors, image first",
    ),
    (checks.check_inverts, returning("invert", lambda self, images: {"w": images[:1]}), "toy.invert gives no codes"),
    (
        checks.check_inverts,
        returning("maps", lambda self, codes: self(codes["w"] * 0.9)),
        r"toy.maps differ from what calling it gives; let it call maps\(invert\(images\)\)",
    ),
    (
        checks.check_inverts,
        returning("maps", lambda self, codes: self(codes["w"])[:1]),
        "toy.maps differ from what calling it gives",
    ),
    (
        checks.check_inverts,
        returning("reconstruct", lambda self, codes: codes["w"] * 2 - 1),
        r"toy.reconstruct gives no images \(2, 3, 32, 32\) in \[0, 1\]; clamp and resize them",
    ),
    (
        checks.check_inverts,
        returning("reconstruct", lambda self, codes: codes["w"][..., :8, :8]),
        "toy.reconstruct gives no images",
    ),
    (
        checks.check_generates,
        returning("sample", lambda self, count, seed: Toy.sample(self, count, torch.seed())),
        "toy.sample does not follow its seed; seed a generator with it",
    ),
    (
        checks.check_generates,
        returning("sample", lambda self, count, seed: Toy.sample(self, count, 7)),
        "toy.sample does not follow its seed",
    ),
    (
        checks.check_generates,
        returning("sample", lambda self, count, seed: Toy.sample(self, 1, seed)),
        "toy.sample gives no images",
    ),
    (
        checks.check_draws,
        returning("draw", lambda self, count, seed: {"w": Toy.sample(self, count, seed + 1)[0]}),
        "toy.draw gives other codes than it samples; let sample decode draw's",
    ),
    (
        checks.check_draws,
        returning("draw", lambda self, count, seed: torch.zeros(count, 3, 32, 32)),
        "toy.draw gives no codes; return a dict of float tensors, image first",
    ),
]


@pytest.mark.parametrize(("check", "backbone", "message"), FAULTS)
def test_a_fault_fails_the_check_that_is_there_for_it(
    check: Callable[[Backbone], None], backbone: Backbone, message: str
) -> None:
    """The check names the fault, and no check that stands before it minds."""
    for earlier in CHECKS[: CHECKS.index(check)]:
        earlier(backbone)
    with pytest.raises(BackboneError, match=message):
        check(backbone)


def test_a_coarse_map_is_not_asked_for_places() -> None:
    """Below 8 x 8 a map may answer anywhere."""
    coarse = toy(lambda: lambda images: [F.adaptive_avg_pool2d(images, 4).flip(3)], channels=(3,))
    alignment.check_aligned(coarse)


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        ("open(WEIGHTS, 'rb').close()", "reads .*w.safetensors"),
        ("import socket\nsocket.getaddrinfo('127.0.0.1', 80)", "asks the network"),
        ("import torch", "imports torch"),
        ("", ""),
    ],
)
def test_nothing_is_loaded_at_import(body: str, seen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that reads weights, asks the network or imports torch when it is imported is named, with where to."""
    weights = tmp_path / "w.safetensors"
    weights.touch()
    module = "early_" + "".join(filter(str.isalpha, body))
    text = f"WEIGHTS = {str(weights)!r}\n{body}\ndef load():\n    return None\n"
    (tmp_path / f"{module}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    load = importlib.import_module(module).load
    if not seen:
        behaviour.check_import(toy(load))
        return
    with pytest.raises(BackboneError, match=f"importing {module} {seen}, long before toy is used; do that inside load"):
        behaviour.check_import(toy(partial(load)))
