"""Published StyleGAN2 weights become ours: a converted network gives the images that its own equations give.

No published file is here. Every file is written in its true layout, through the format's own serialisation, with
random numbers; beside it stand the equations of StyleGAN2, written out on that file's own keys.
"""

from __future__ import annotations

import argparse
import math
import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from partbench.backbones.backbone import BackboneError
from partbench.backbones.checks import CHECKS
from partbench.backbones.stylegan2 import configure
from partbench.backbones.stylegan2.config import StyleGAN2Config
from partbench.backbones.stylegan2.layouts import PYTORCH, ROSINALITY, TENSORFLOW, StyleGAN2Layout
from partbench.backbones.stylegan2.networks import StyleGAN2Discriminator, StyleGAN2Generator
from partbench.backbones.stylegan2.published import find_config
from partbench.backbones.stylegan2.published_tensors import PublishedTensors
from partbench.backbones.stylegan2.schedule import METHODS
from partbench.backbones.stylegan2.training import StyleGAN2Trainer
from partbench.backbones.weights import read_parts
from partbench.benchmark.cli.commands.convert import find
from partbench.benchmark.cli.main import main

SIDES, LATENT, DEPTH = (4, 8, 16, 32), 16, 3
CHANNELS = {4: 12, 8: 12, 16: 8, 32: 4}
SHAPE = StyleGAN2Config(size=32, latent=LATENT, depth=DEPTH, width=128, cap=12)
FIR = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])) / 64
Weights = dict[str, Tensor]


# The equations of StyleGAN2


def resample(x: Tensor, up: int, down: int, before: int, after: int, gain: float = 1.0) -> Tensor:
    """Zeros between pixels, zeros around, the filter, every `down`th pixel."""
    n, c, h, w = x.shape
    wide = x.new_zeros(n, c, h * up, w * up)
    wide[:, :, ::up, ::up] = x
    padded = F.pad(wide, (before, after, before, after)).reshape(n * c, 1, h * up + before + after, -1)
    out = F.conv2d(padded, (FIR * gain)[None, None])[:, :, ::down, ::down]
    return out.reshape(n, c, *out.shape[-2:])


def lrelu(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2) * math.sqrt(2)


def dense(x: Tensor, weight: Tensor, bias: Tensor, rate: float = 1.0) -> Tensor:
    """`weight` (out, in) under an equalised learning rate."""
    return x @ (weight * rate / math.sqrt(weight.shape[1])).T + bias * rate


def mapped(z: Tensor, layers: list[tuple[Tensor, Tensor]], rate: float = 0.01) -> Tensor:
    x = z / (z.square().mean(1, keepdim=True) + 1e-8).sqrt()
    for weight, bias in layers:
        x = lrelu(dense(x, weight, bias, rate))
    return x


def modulated(x: Tensor, style: Tensor, weight: Tensor, demodulate: bool, up: bool = False) -> Tensor:
    """Equations (1) to (3), image by image; `weight` (out, in, k, k) is correlated, also with what is spread out."""
    scaled = weight / math.sqrt(weight[0].numel())
    outputs = []
    for image, scales in zip(x, style, strict=True):
        own = scaled * scales[None, :, None, None]
        if demodulate:
            own = own / (own.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if up:
            c, h, w = image.shape
            spread = image.new_zeros(c, 2 * h - 1, 2 * w - 1)
            spread[:, ::2, ::2] = image
            outputs.append(resample(F.conv2d(spread[None], own, padding=2), 1, 1, 1, 1, gain=4.0))
        else:
            outputs.append(F.conv2d(image[None], own, padding=own.shape[-1] // 2))
    return torch.cat(outputs)


def coloured(x: Tensor, style: Tensor, weight: Tensor, bias: Tensor, below: Tensor | None) -> Tensor:
    rgb = modulated(x, style, weight, demodulate=False) + bias[None, :, None, None]
    return rgb if below is None else rgb + resample(below, 2, 1, 2, 1, gain=4.0)


def conv(x: Tensor, weight: Tensor, bias: Tensor | None, down: bool = False) -> Tensor:
    """A convolution of the discriminator; no bias, no slope."""
    scaled = weight / math.sqrt(weight[0].numel())
    if down:
        x = resample(x, 1, 1, 2, 2) if weight.shape[-1] == 3 else resample(x, 1, 1, 1, 1)
    x = F.conv2d(x, scaled, stride=2 if down else 1, padding=0 if down else weight.shape[-1] // 2)
    return x if bias is None else lrelu(x + bias[None, :, None, None])


def with_deviation(x: Tensor) -> Tensor:
    """For batches of at most four: one group."""
    deviation = (x.var(0, unbiased=False) + 1e-8).sqrt().mean()
    return torch.cat([x, deviation.expand(len(x), 1, *x.shape[2:])], 1)


# The same on the keys of each layout


def image_of_rosinality(g: Weights, w: Tensor, noise: list[Tensor]) -> Tensor:
    def styled(x: Tensor, key: str, level: Tensor, up: bool) -> Tensor:
        style = dense(w, g[f"{key}.conv.modulation.weight"], g[f"{key}.conv.modulation.bias"])
        weight = g[f"{key}.conv.weight"][0]
        x = modulated(x, style, weight.flip(2, 3) if up else weight, demodulate=True, up=up)
        return lrelu(x + g[f"{key}.noise.weight"] * level + g[f"{key}.activate.bias"][None, :, None, None])

    def rgb(x: Tensor, key: str, below: Tensor | None) -> Tensor:
        style = dense(w, g[f"{key}.conv.modulation.weight"], g[f"{key}.conv.modulation.bias"])
        return coloured(x, style, g[f"{key}.conv.weight"][0], g[f"{key}.bias"].flatten(), below)

    x = styled(g["input.input"].repeat(len(w), 1, 1, 1), "conv1", noise[0], up=False)
    picture = rgb(x, "to_rgb1", None)
    for i in range(len(SIDES) - 1):
        x = styled(x, f"convs.{2 * i}", noise[2 * i + 1], up=True)
        x = styled(x, f"convs.{2 * i + 1}", noise[2 * i + 2], up=False)
        picture = rgb(x, f"to_rgbs.{i}", picture)
    return picture


def image_of_pytorch(g: Weights, w: Tensor, noise: list[Tensor]) -> Tensor:
    def styled(x: Tensor, key: str, level: Tensor, up: bool = False) -> Tensor:
        style = dense(w, g[f"{key}.affine.weight"], g[f"{key}.affine.bias"])
        weight = g[f"{key}.weight"]
        x = modulated(x, style, weight.flip(2, 3) if up else weight, demodulate=True, up=up)
        return lrelu(x + g[f"{key}.noise_strength"] * level + g[f"{key}.bias"][None, :, None, None])

    picture, x = None, g["synthesis.b4.const"][None].repeat(len(w), 1, 1, 1)
    levels = iter(noise)
    for r in SIDES:
        block = f"synthesis.b{r}"
        if r > 4:
            x = styled(x, f"{block}.conv0", next(levels), up=True)
        x = styled(x, f"{block}.conv1", next(levels))
        style = dense(w, g[f"{block}.torgb.affine.weight"], g[f"{block}.torgb.affine.bias"])
        picture = coloured(x, style, g[f"{block}.torgb.weight"], g[f"{block}.torgb.bias"], picture)
    assert picture is not None
    return picture


def image_of_tensorflow(g: Weights, w: Tensor, noise: list[Tensor]) -> Tensor:
    """Weights are (h, w, in, out), and correlated wherever they stand; styles are one plus what is learned."""

    def style(key: str) -> Tensor:
        return w @ g[f"{key}/mod_weight"] / math.sqrt(LATENT) + g[f"{key}/mod_bias"] + 1

    def styled(x: Tensor, key: str, level: Tensor, up: bool = False) -> Tensor:
        x = modulated(x, style(key), g[f"{key}/weight"].permute(3, 2, 0, 1), demodulate=True, up=up)
        return lrelu(x + g[f"{key}/noise_strength"] * level + g[f"{key}/bias"][None, :, None, None])

    levels = iter(noise)
    x = styled(g["synthesis/4x4/Const/const"].repeat(len(w), 1, 1, 1), "synthesis/4x4/Conv", next(levels))
    picture = None
    for r in SIDES:
        place = f"synthesis/{r}x{r}"
        if r > 4:
            x = styled(x, f"{place}/Conv0_up", next(levels), up=True)
            x = styled(x, f"{place}/Conv1", next(levels))
        colours = g[f"{place}/ToRGB/weight"].permute(3, 2, 0, 1)
        picture = coloured(x, style(f"{place}/ToRGB"), colours, g[f"{place}/ToRGB/bias"], picture)
    assert picture is not None
    return picture


def logits(images: Tensor, layer: Callable[[str], tuple[Tensor, Tensor | None]], names: Mapping[str, str]) -> Tensor:
    """The discriminator, whose layers `layer` finds by their names in the file."""
    x = conv(images, *layer(names["stem"]))
    for i, r in enumerate(SIDES[:0:-1]):
        place = {kind: name.format(r=r, i=i + 1) for kind, name in names.items()}
        deep = conv(conv(x, *layer(place["first"])), *layer(place["second"]), down=True)
        x = (deep + conv(x, layer(place["skip"])[0], None, down=True)) / math.sqrt(2)
    x = conv(with_deviation(x), *layer(names["last"])).flatten(1)
    for name in ("dense", "logit"):
        weight, bias = layer(names[name])
        assert bias is not None
        x = dense(x, weight, bias)
        x = lrelu(x) if name == "dense" else x
    return x[:, 0]


# Files in their true layout


class Dice:
    """Random numbers of a seed."""

    def __init__(self) -> None:
        self.random = torch.Generator().manual_seed(0)

    def __call__(self, *shape: int, scale: float = 1.0, mean: float = 0.0) -> Tensor:
        return torch.randn(*shape, generator=self.random) * scale + mean


def outer(r: int) -> int:
    """Channels that come into side r from the side below."""
    return CHANNELS[max(4, r // 2)]


def rosinality_weights() -> tuple[Weights, Weights]:
    dice, g, d = Dice(), {}, {}

    def modulated_keys(key: str, inputs: int, outputs: int, kernel: int) -> Weights:
        return {
            f"{key}.conv.weight": dice(1, outputs, inputs, kernel, kernel),
            f"{key}.conv.modulation.weight": dice(inputs, LATENT),
            f"{key}.conv.modulation.bias": dice(inputs, mean=1.0, scale=0.3),
        }

    def styled_keys(key: str, inputs: int, outputs: int) -> Weights:
        rest = {f"{key}.noise.weight": dice(1), f"{key}.activate.bias": dice(outputs)}
        return modulated_keys(key, inputs, outputs, 3) | rest

    for i in range(1, DEPTH + 1):
        g |= {f"style.{i}.weight": dice(LATENT, LATENT, scale=100), f"style.{i}.bias": dice(LATENT, scale=10)}
    g["input.input"] = dice(1, CHANNELS[4], 4, 4)
    g |= styled_keys("conv1", CHANNELS[4], CHANNELS[4])
    g |= modulated_keys("to_rgb1", CHANNELS[4], 3, 1) | {"to_rgb1.bias": dice(1, 3, 1, 1)}
    for i, r in enumerate(SIDES[1:]):
        g |= styled_keys(f"convs.{2 * i}", outer(r), CHANNELS[r]) | {f"convs.{2 * i}.conv.blur.kernel": FIR * 4}
        g |= styled_keys(f"convs.{2 * i + 1}", CHANNELS[r], CHANNELS[r])
        g |= modulated_keys(f"to_rgbs.{i}", CHANNELS[r], 3, 1)
        g |= {f"to_rgbs.{i}.bias": dice(1, 3, 1, 1), f"to_rgbs.{i}.upsample.kernel": FIR * 4}
    g |= {f"noises.noise_{i}": dice(1, 1, 4 << ((i + 1) // 2), 4 << ((i + 1) // 2)) for i in range(7)}
    d |= {"convs.0.0.weight": dice(CHANNELS[32], 3, 1, 1), "convs.0.1.bias": dice(CHANNELS[32])}
    for i, r in enumerate(SIDES[:0:-1], 1):
        c, more = CHANNELS[r], outer(r)
        d |= {f"convs.{i}.conv1.0.weight": dice(c, c, 3, 3), f"convs.{i}.conv1.1.bias": dice(c)}
        d |= {f"convs.{i}.conv2.0.kernel": FIR, f"convs.{i}.conv2.1.weight": dice(more, c, 3, 3)}
        d |= {f"convs.{i}.conv2.2.bias": dice(more)}
        d |= {f"convs.{i}.skip.0.kernel": FIR, f"convs.{i}.skip.1.weight": dice(more, c, 1, 1)}
    top = CHANNELS[4]
    d |= {"final_conv.0.weight": dice(top, top + 1, 3, 3), "final_conv.1.bias": dice(top)}
    d |= {"final_linear.0.weight": dice(top, top * 16), "final_linear.0.bias": dice(top)}
    return g, d | {"final_linear.1.weight": dice(1, top), "final_linear.1.bias": dice(1)}


def pytorch_weights() -> tuple[Weights, Weights]:
    dice, g, d = Dice(), {}, {}

    def layer(key: str, inputs: int, outputs: int, kernel: int) -> Weights:
        return {
            f"{key}.weight": dice(outputs, inputs, kernel, kernel),
            f"{key}.bias": dice(outputs),
            f"{key}.affine.weight": dice(inputs, LATENT),
            f"{key}.affine.bias": dice(inputs, mean=1.0, scale=0.3),
        }

    for r in SIDES:
        for conv_ in ("conv0", "conv1") if r > 4 else ("conv1",):
            key = f"synthesis.b{r}.{conv_}"
            g |= layer(key, CHANNELS[r] if conv_ == "conv1" else outer(r), CHANNELS[r], 3)
            g |= {f"{key}.noise_strength": dice(1)[0], f"{key}.noise_const": dice(r, r)}
            g |= {f"{key}.resample_filter": FIR}
        g |= layer(f"synthesis.b{r}.torgb", CHANNELS[r], 3, 1)
    g |= {"synthesis.b4.const": dice(CHANNELS[4], 4, 4), "mapping.w_avg": dice(LATENT)}
    for i in range(DEPTH):
        g |= {f"mapping.fc{i}.weight": dice(LATENT, LATENT, scale=100), f"mapping.fc{i}.bias": dice(LATENT, scale=10)}
    d |= {"b32.fromrgb.weight": dice(CHANNELS[32], 3, 1, 1), "b32.fromrgb.bias": dice(CHANNELS[32])}
    for r in SIDES[:0:-1]:
        c, more = CHANNELS[r], outer(r)
        d |= {f"b{r}.conv0.weight": dice(c, c, 3, 3), f"b{r}.conv0.bias": dice(c)}
        d |= {f"b{r}.conv1.weight": dice(more, c, 3, 3), f"b{r}.conv1.bias": dice(more)}
        d |= {f"b{r}.conv1.resample_filter": FIR, f"b{r}.skip.weight": dice(more, c, 1, 1)}
    top = CHANNELS[4]
    d |= {"b4.conv.weight": dice(top, top + 1, 3, 3), "b4.conv.bias": dice(top)}
    d |= {"b4.fc.weight": dice(top, top * 16), "b4.fc.bias": dice(top)}
    return g, d | {"b4.out.weight": dice(1, top), "b4.out.bias": dice(1)}


def tensorflow_weights() -> tuple[Weights, Weights]:
    dice, g, d = Dice(), {}, {}

    def layer(key: str, inputs: int, outputs: int, kernel: int) -> Weights:
        return {
            f"{key}/weight": dice(kernel, kernel, inputs, outputs),
            f"{key}/bias": dice(outputs),
            f"{key}/mod_weight": dice(LATENT, inputs),
            f"{key}/mod_bias": dice(inputs, scale=0.3),
        }

    g["synthesis/4x4/Const/const"] = dice(1, CHANNELS[4], 4, 4)
    for r in SIDES:
        for conv_ in ("Conv0_up", "Conv1") if r > 4 else ("Conv",):
            key = f"synthesis/{r}x{r}/{conv_}"
            g |= layer(key, outer(r) if conv_ == "Conv0_up" else CHANNELS[r], CHANNELS[r], 3)
            g[f"{key}/noise_strength"] = dice(1)[0]
        g |= layer(f"synthesis/{r}x{r}/ToRGB", CHANNELS[r], 3, 1)
    g |= {f"synthesis/noise{i}": dice(1, 1, 4 << ((i + 1) // 2), 4 << ((i + 1) // 2)) for i in range(7)}
    g |= {"dlatent_avg": dice(LATENT), "lod": torch.zeros(())}
    for i in range(DEPTH):
        g |= {f"mapping/Dense{i}/weight": dice(LATENT, LATENT, scale=100)}
        g |= {f"mapping/Dense{i}/bias": dice(LATENT, scale=10)}
    d |= {"32x32/FromRGB/weight": dice(1, 1, 3, CHANNELS[32]), "32x32/FromRGB/bias": dice(CHANNELS[32])}
    for r in SIDES[:0:-1]:
        c, more = CHANNELS[r], outer(r)
        d |= {f"{r}x{r}/Conv0/weight": dice(3, 3, c, c), f"{r}x{r}/Conv0/bias": dice(c)}
        d |= {f"{r}x{r}/Conv1_down/weight": dice(3, 3, c, more), f"{r}x{r}/Conv1_down/bias": dice(more)}
        d |= {f"{r}x{r}/Skip/weight": dice(1, 1, c, more)}
    top = CHANNELS[4]
    d |= {"4x4/Conv/weight": dice(3, 3, top + 1, top), "4x4/Conv/bias": dice(top)}
    d |= {"4x4/Dense0/weight": dice(top * 16, top), "4x4/Dense0/bias": dice(top)}
    return g, d | {"Output/weight": dice(top, 1), "Output/bias": dice(1)}


def write_rosinality(path: Path, g: Weights, d: Weights | None, **more: object) -> None:
    content = {"g_ema": OrderedDict(g), "latent_avg": Dice()(LATENT)} | ({"d": OrderedDict(d)} if d else {})
    torch.save(content | more, path)


def _reconstruct_persistent_obj(meta: object) -> None:
    """Under this name in NVIDIA's code a function runs the source in `meta`."""
    raise AssertionError("the writer's function was called")


class Persistent(nn.Module):
    """A module that pickles as NVIDIA's do: its state, and the source of its class."""

    def __reduce__(self) -> tuple[Any, ...]:
        state = {key: OrderedDict(value) if isinstance(value, dict) else value for key, value in vars(self).items()}
        meta = {"type": "class", "version": 6, "module_src": "raise SystemExit('ran')", "class_name": "Generator"}
        return _reconstruct_persistent_obj, (meta | {"state": state},), None


class EasyDict(dict[str, Any]):
    """NVIDIA's dictionary with attributes."""


class Network:
    """A network of NVIDIA's for TensorFlow, as it pickles."""

    def __init__(self, name: str, variables: Weights, components: dict[str, Network], **options: object) -> None:
        self.state = {
            "version": 4,
            "name": name,
            "static_kwargs": EasyDict(options),
            "components": components,
            "build_module_src": "raise SystemExit('ran')",
            "build_func_name": name,
            "variables": [(key, value.numpy()) for key, value in variables.items()],
        }

    def __getstate__(self) -> dict[str, Any]:
        return self.state


@pytest.fixture
def nvidia(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their classes and functions under their names, while a file is written."""
    homes: dict[str, Any] = {
        "torch_utils.persistence": _reconstruct_persistent_obj,
        "dnnlib.util": EasyDict,
        "dnnlib.tflib.network": Network,
    }
    for package in ("torch_utils", "dnnlib", "dnnlib.tflib"):
        monkeypatch.setitem(sys.modules, package, ModuleType(package))
    for name, thing in homes.items():
        module = ModuleType(name)
        setattr(module, thing.__name__, thing)
        monkeypatch.setitem(sys.modules, name, module)
        monkeypatch.setattr(thing, "__module__", name)


def module_of(weights: Weights, **attributes: object) -> Persistent:
    """A tree of modules with these parameters and buffers."""
    root = Persistent()
    for key, value in weights.items():
        *path, name = key.split(".")
        place: nn.Module = root
        for part in path:
            if part not in place._modules:
                place.add_module(part, Persistent())
            place = place.get_submodule(part)
            place.act_gain = np.sqrt(2)
        if name in ("noise_const", "resample_filter", "w_avg"):
            place.register_buffer(name, value)
        else:
            place.register_parameter(name, nn.Parameter(value))
    for name, value in attributes.items():
        place, _, attribute = name.rpartition("__")
        setattr(root.get_submodule(place.replace("__", ".")), attribute, value)
    return root


def write_pytorch(path: Path, g: Weights, d: Weights | None, **more: object) -> None:
    content = {"training_set_kwargs": EasyDict(path="ffhq.zip", resolution=32), "augment_pipe": None}
    content |= {"G": module_of(g), "D": module_of(d) if d else None, "G_ema": module_of(g)}
    path.write_bytes(pickle.dumps(content | more, protocol=3))


def write_tensorflow(path: Path, g: Weights, d: Weights | None, **options: object) -> None:
    parts: dict[str, Weights] = {"synthesis": {}, "mapping": {}, "": {}}
    for key, value in g.items():
        part, _, rest = key.partition("/")
        parts[part if rest else ""][rest or key] = value
    components = {name: Network(f"G_{name}", parts[name], {}) for name in ("synthesis", "mapping")}
    generator = Network("G", parts[""], components, **options)
    path.write_bytes(pickle.dumps((generator, Network("D", d or {}, {}), generator), protocol=4))


# What they are all asked


@dataclass(frozen=True)
class Format:
    """A published layout: how a file is written, and the equations on its keys."""

    layout: StyleGAN2Layout
    weights: Callable[[], tuple[Weights, Weights]]
    write: Callable[..., None]
    suffix: str
    image: Callable[[Weights, Tensor, list[Tensor]], Tensor]
    dense: Callable[[Weights, int], tuple[Tensor, Tensor]]
    """Weight (out, in) and bias of a layer of the mapping network."""
    judge: Callable[[Weights, str], tuple[Tensor, Tensor | None]]
    """Weight (out, in, k, k) and bias of a layer of the discriminator."""
    names: Mapping[str, str]
    average: Callable[[Weights], Tensor]


def layer_of_rosinality(d: Weights, name: str) -> tuple[Tensor, Tensor | None]:
    if f"{name}.bias" in d:
        return d[f"{name}.weight"], d[f"{name}.bias"]
    before, _, number = name.rpartition(".")
    return d[f"{name}.weight"], d.get(f"{before}.{int(number) + 1}.bias")


def layer_of_tensorflow(d: Weights, name: str) -> tuple[Tensor, Tensor | None]:
    weight = d[f"{name}/weight"]
    return (weight.permute(3, 2, 0, 1) if weight.ndim == 4 else weight.T), d.get(f"{name}/bias")


def names(*layers: str) -> dict[str, str]:
    """What a layout calls the layers of its discriminator."""
    return dict(zip(("stem", "first", "second", "skip", "last", "dense", "logit"), layers, strict=True))


FORMATS = {
    "rosinality": Format(
        ROSINALITY,
        rosinality_weights,
        write_rosinality,
        ".pt",
        image_of_rosinality,
        lambda g, i: (g[f"style.{i + 1}.weight"], g[f"style.{i + 1}.bias"]),
        layer_of_rosinality,
        names(
            *("convs.0.0", "convs.{i}.conv1.0", "convs.{i}.conv2.1", "convs.{i}.skip.1"),
            *("final_conv.0", "final_linear.0", "final_linear.1"),
        ),
        lambda _: Dice()(LATENT),
    ),
    "pytorch": Format(
        PYTORCH,
        pytorch_weights,
        write_pytorch,
        ".pkl",
        image_of_pytorch,
        lambda g, i: (g[f"mapping.fc{i}.weight"], g[f"mapping.fc{i}.bias"]),
        lambda d, name: (d[f"{name}.weight"], d.get(f"{name}.bias")),
        names("b32.fromrgb", "b{r}.conv0", "b{r}.conv1", "b{r}.skip", "b4.conv", "b4.fc", "b4.out"),
        lambda g: g["mapping.w_avg"],
    ),
    "tensorflow": Format(
        TENSORFLOW,
        tensorflow_weights,
        write_tensorflow,
        ".pkl",
        image_of_tensorflow,
        lambda g, i: (g[f"mapping/Dense{i}/weight"].T, g[f"mapping/Dense{i}/bias"]),
        layer_of_tensorflow,
        names(
            *("32x32/FromRGB", "{r}x{r}/Conv0", "{r}x{r}/Conv1_down", "{r}x{r}/Skip"),
            *("4x4/Conv", "4x4/Dense0", "Output"),
        ),
        lambda g: g["dlatent_avg"],
    ),
}


@pytest.fixture(params=FORMATS)
def format_(request: pytest.FixtureRequest, nvidia: None) -> Format:
    """Each of the three layouts."""
    return FORMATS[request.param]


Convert = Callable[[Path, Path], tuple[int, str, str]]


@pytest.fixture
def convert(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Convert:
    """`partbench convert FILE --to OUT`, in this process."""

    def convert(file: Path, out: Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["partbench", "convert", str(file), "--to", str(out)])
        code: Any = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code or 0
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return convert


def close(one: Tensor, other: Tensor, tolerance: float = 1e-4) -> bool:
    """Within a share of the largest value."""
    assert one.shape == other.shape
    return bool((one - other).abs().max() <= tolerance * other.abs().max())


def networks(path: Path) -> tuple[StyleGAN2Generator, StyleGAN2Discriminator | None]:
    """What a file holds, before it is written as float16."""
    parts = find(path).parts
    generator, discriminator = parts["generator"], parts.get("discriminator")
    assert isinstance(generator, StyleGAN2Generator)
    assert discriminator is None or isinstance(discriminator, StyleGAN2Discriminator)
    return generator, discriminator


@torch.no_grad()
def test_a_converted_generator_gives_the_same_images(format_: Format, tmp_path: Path) -> None:
    """z to w, and w with noise to pictures, as the equations on the file's own keys give them."""
    g, d = format_.weights()
    path = tmp_path / f"w{format_.suffix}"
    format_.write(path, g, d)
    generator, _ = networks(path)
    assert generator.config == SHAPE
    z, dice = Dice()(3, LATENT), Dice()
    w = mapped(z, [format_.dense(g, i) for i in range(DEPTH)])
    assert close(generator.mapping(z), w)
    assert torch.equal(generator.average, format_.average(g))
    noise = [dice(3, 1, r, r) for r, _ in generator.config.layers]
    pictures, _ = generator.synthesis(generator.broadcast(w), noise)
    assert close(pictures, format_.image(g, w, noise))
    assert pictures.std(0).min() > 0


@torch.no_grad()
def test_a_converted_discriminator_gives_the_same_logits(format_: Format, tmp_path: Path) -> None:
    """By which projection may compare images."""
    g, d = format_.weights()
    path = tmp_path / f"w{format_.suffix}"
    format_.write(path, g, d)
    _, discriminator = networks(path)
    assert discriminator is not None
    images = Dice()(3, 3, 32, 32)
    expected = logits(images, lambda name: format_.judge(d, name), format_.names)
    assert close(discriminator(images), expected)


@torch.no_grad()
def test_a_written_file_gives_nearly_the_same(format_: Format, tmp_path: Path, convert: Convert) -> None:
    """Parameters are kept as float16, as in every file of ours; pictures change by less than one percent."""
    g, d = format_.weights()
    path, out = tmp_path / f"w{format_.suffix}", tmp_path / "ours.safetensors"
    format_.write(path, g, d)
    code, said, errors = convert(path, out)
    assert (code, errors) == (0, "")
    assert f"stylegan2: size 32, latent {LATENT}, depth {DEPTH}, width 128, cap 12" in said
    assert f"layout: {format_.layout.name}" in said
    assert "holds generator and discriminator" in said
    assert f"use it as stylegan2@{out}" in said
    backbone = configure("", str(out))
    assert (backbone.size, backbone.channels) == (32, (12, 12, 12, 8, 8, 4, 4))
    loaded = backbone.load()
    images, _ = loaded.sample(2, 0)  # type: ignore[attr-defined]
    z = torch.randn(2, LATENT, generator=torch.Generator().manual_seed(0))
    w = mapped(z, [format_.dense(g, i) for i in range(DEPTH)])
    expected = format_.image(g, w, [torch.zeros(1, 1, r, r) for r, _ in SHAPE.layers])
    assert (images - (expected / 2 + 0.5).clamp(0, 1)).abs().mean() < 0.01


# What is found in a file, and what is not


def shapes(layout: StyleGAN2Layout, config: StyleGAN2Config) -> PublishedTensors:
    """The numbers of a network of this shape, all the same one, so that they need no memory."""
    inputs = [config.channels(4), *(c for _, c in config.layers)]
    known = {f"convs.{i}.conv.style.weight": (c, config.latent) for i, c in enumerate(inputs[:-1])}
    known |= {f"convs.{i}.bias": (c,) for i, (_, c) in enumerate(config.layers)}
    names = layout.generator(config.depth, len(config.layers))
    one = torch.ones(())
    plain = replace(layout, adapt=lambda _key, value: value)
    return PublishedTensors(plain, {its: one.expand(known.get(ours, ())) for ours, its in names.items()})


@pytest.mark.parametrize("layout", [ROSINALITY, PYTORCH, TENSORFLOW], ids=lambda layout: layout.name)
@pytest.mark.parametrize(
    "config",
    [
        StyleGAN2Config(),  # config F: channel multiplier 2
        StyleGAN2Config(width=16384),  # config E: channel multiplier 1
        StyleGAN2Config(size=256),
        StyleGAN2Config(size=256, width=16384, depth=2),
        StyleGAN2Config(size=64),  # every side has 512 channels
        StyleGAN2Config(size=64, latent=128, depth=4, width=1536, cap=128),
    ],
)
def test_size_and_width_are_found(layout: StyleGAN2Layout, config: StyleGAN2Config) -> None:
    """At full size, of config E and F, and of ours; where the cap hides the width, any width that it hides."""
    found = find_config(shapes(layout, config))
    assert replace(found, width=0) == replace(config, width=0)
    assert found.layers == config.layers
    assert found.width == config.width or min(c for _, c in config.layers) == config.cap


@torch.no_grad()
@pytest.mark.parametrize("name", ["pytorch", "tensorflow"])
def test_another_rate_of_the_mapping_network(name: str, tmp_path: Path, nvidia: None) -> None:
    """A file that says so has stored its mapping network divided by another rate than 0.01."""
    each = FORMATS[name]
    g, d = each.weights()
    path = tmp_path / "w.pkl"
    if name == "tensorflow":
        each.write(path, g, d, mapping_lrmul=0.02)
    else:
        module = module_of(g)
        for i in range(DEPTH):
            module.get_submodule(f"mapping.fc{i}").bias_gain = 0.02  # type: ignore[assignment]
        each.write(path, g, d, G_ema=module)
    z = Dice()(3, LATENT)
    assert close(networks(path)[0].mapping(z), mapped(z, [each.dense(g, i) for i in range(DEPTH)], rate=0.02))


@torch.no_grad()
def test_the_checkpoint_of_a_training_has_no_mean(tmp_path: Path) -> None:
    """It has optimisers, arguments and DataParallel's prefixes; the mean of w is then that of 10,000 latents."""
    g, d = rosinality_weights()
    prefixed = OrderedDict((f"module.{key}", value) for key, value in g.items())
    optimiser = {"state": {0: {"step": torch.ones(())}}, "param_groups": [{"lr": 0.002, "params": [0]}]}
    content = {"g": prefixed, "g_ema": prefixed, "d": d, "g_optim": optimiser, "args": argparse.Namespace(size=32)}
    torch.save(content, tmp_path / "140000.pt")
    found = find(tmp_path / "140000.pt")
    generator = found.parts["generator"]
    assert isinstance(generator, StyleGAN2Generator)
    w = mapped(Dice()(20_000, LATENT), [FORMATS["rosinality"].dense(g, i) for i in range(DEPTH)])
    assert (generator.average - w.mean(0)).norm() < 0.05 * w.std(0).norm()
    assert found.facts["mean of w"] == "of 10,000 latents"
    torch.save(g, tmp_path / "bare.pt")
    assert torch.equal(find(tmp_path / "bare.pt").parts["generator"].state_dict()["average"], generator.average)


def test_the_averaged_generator_is_taken(tmp_path: Path, nvidia: None) -> None:
    """Of the two or three that a file holds."""
    g, d = pytorch_weights()
    other = {key: torch.zeros_like(value) for key, value in g.items() if "filter" not in key}
    write_pytorch(tmp_path / "w.pkl", g, d, G=module_of(other))
    assert torch.equal(networks(tmp_path / "w.pkl")[0].constant[0], g["synthesis.b4.const"])


def without(weights: Weights, *parts: str) -> Weights:
    return {key: value for key, value in weights.items() if not any(part in key for part in parts)}


FLAT = torch.ones(4, 4)
STRANGERS: dict[str, tuple[Callable[[Path], None], str]] = {
    "another filter": (
        lambda path: write_rosinality(path, rosinality_weights()[0] | {"convs.0.conv.blur.kernel": FLAT}, None),
        r"it resamples with another filter than \[1, 3, 3, 1\]",
    ),
    "another filter of TensorFlow's": (
        lambda path: write_tensorflow(path, *tensorflow_weights(), resample_kernel=[1, 1]),
        r"it resamples with another filter",
    ),
    "config A to D": (
        lambda path: write_tensorflow(path, without(tensorflow_weights()[0], "8x8/ToRGB", "4x4/ToRGB"), None),
        r"it lacks synthesis/4x4/ToRGB/",
    ),
    "classes": (
        lambda path: write_pytorch(path, pytorch_weights()[0] | {"mapping.fc0.weight": torch.ones(16, 32)}, None),
        r"mapping.fc0.weight is \(16, 32\) and not \(16, 16\)",
    ),
    "StyleGAN3": (
        lambda path: write_pytorch(path, {"synthesis.input.freqs": torch.ones(8, 2)}, None),
        r"it lacks synthesis.b4.conv1.weight",
    ),
    "half a network": (
        lambda path: write_rosinality(path, without(rosinality_weights()[0], "convs.5."), None),
        r"it lacks convs.5.conv.weight",
    ),
    "odd channels": (
        lambda path: write_rosinality(path, rosinality_weights()[0] | {"convs.3.activate.bias": torch.ones(7)}, None),
        r"7 channels at 16 pixels do not follow from the other sides",
    ),
    "another mean": (
        lambda path: write_rosinality(path, rosinality_weights()[0], None, latent_avg=torch.ones(9)),
        r"its mean of w has 9 numbers where w has 16",
    ),
}


@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_network_that_is_no_stylegan2_of_config_e_or_f(stranger: str, tmp_path: Path, nvidia: None) -> None:
    """One sentence says what is in the way."""
    write, message = STRANGERS[stranger]
    write(tmp_path / "w.pkl")
    mend = "; take one of config E or F, without classes"
    with pytest.raises(BackboneError, match=f"w.pkl holds no StyleGAN2 that we can run: {message}.*{mend}"):
        find(tmp_path / "w.pkl")


def test_a_discriminator_of_another_kind_is_left_out(tmp_path: Path) -> None:
    """The generator is what matters; the card says why the other is not there."""
    g, d = rosinality_weights()
    write_rosinality(tmp_path / "w.pt", g, without(d, "skip"))
    found = find(tmp_path / "w.pt")
    assert set(found.parts) == {"generator"}
    assert found.facts["left out"] == "its discriminator, since it lacks convs.1.skip.1.weight"


# What a converted file is good for


@pytest.fixture
def alone(tmp_path: Path, convert: Convert) -> Path:
    """A generator without discriminator or encoder, as rosinality's published files hold it."""
    write_rosinality(tmp_path / "w.pt", rosinality_weights()[0], None)
    assert convert(tmp_path / "w.pt", tmp_path / "ours.safetensors")[0] == 0
    return tmp_path / "ours.safetensors"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every method in three steps."""
    for name, method in METHODS.items():
        monkeypatch.setitem(METHODS, name, replace(method, steps=3))


@pytest.mark.parametrize("variant", ["", "B,optimise"])
def test_it_passes_every_check(quick: None, alone: Path, variant: str) -> None:
    """A generator alone is a sound backbone: images enter by descent, compared by their pixels."""
    for check in CHECKS:
        check(configure(variant, str(alone)))
    settings = configure(variant, str(alone)).load().settings  # type: ignore[attr-defined]
    assert settings == f"{METHODS['optimise' if variant else 'descend']} pixels"


def test_no_encoder_no_encode(alone: Path) -> None:
    """By default images descend from the mean of w; who asks for the encoder is told what there is."""
    assert read_parts(alone) == {"generator"}
    message = "holds no encoder, as published networks do not; leave 'encode' out, .* or name stylegan2:optimise@"
    with pytest.raises(BackboneError, match=message):
        configure("B,encode", str(alone))


def test_descent_brings_pictures_nearer(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a network that looks at them, their pixels do."""
    monkeypatch.setattr("partbench.backbones.weights.vgg.vgg_weights", lambda _name: None)
    monkeypatch.setitem(METHODS, "descend", replace(METHODS["descend"], steps=20))
    loaded: Any = configure("", str(alone)).load()
    images, _ = loaded.sample(2, 3)
    mean = loaded.reconstruct({"styles": loaded.generator.average.expand(2, loaded.generator.styles, -1)})
    found = loaded.reconstruct(loaded.invert(images))
    assert (found - images).square().mean() < 0.5 * (mean - images).square().mean()


def test_a_training_goes_on_where_there_is_a_discriminator(alone: Path, tmp_path: Path, convert: Convert) -> None:
    """Of what it lacks, the encoder can be learned later."""
    trainer = StyleGAN2Trainer(SHAPE)
    with pytest.raises(BackboneError, match="holds no discriminator to learn from; go on from a file that does"):
        trainer.go_on_from(alone, 0)
    write_rosinality(tmp_path / "both.pt", *rosinality_weights())
    assert convert(tmp_path / "both.pt", tmp_path / "both.safetensors")[0] == 0
    trainer.go_on_from(tmp_path / "both.safetensors", 0)
    assert torch.allclose(trainer.averaged.constant, rosinality_weights()[0]["input.input"], atol=1e-2)
