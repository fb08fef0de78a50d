"""Parameter names of published StyleGAN2 networks.

================  ===============================  ======================================================
layout            keys                             numbers
================  ===============================  ======================================================
rosinality        `convs.0.conv.modulation.bias`   as ours; a convolution's weight has an axis more
NVIDIA PyTorch    `synthesis.b8.conv0.affine.bias` as ours
NVIDIA TensorFlow `synthesis/8x8/Conv0_up/mod_bias` (h, w, in, out), turned by 180 degrees where a convolution
                                                   doubles the size; a style's bias of one is not in it
================  ===============================  ======================================================

All share the filter [1, 3, 3, 1] and the rate 0.01 of the mapping network, unless they say so. What a network adds
to half precision (`conv_clamp`) and its fixed noise are no part of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class StyleGAN2Layout:
    """The published names of our parameters."""

    name: str
    dense: Callable[[int], str]
    """The name of a layer of the mapping network."""
    constant: str
    conv: Callable[[int, int], str]
    """The name of convolution `i`, counted as ours, at this side."""
    styled: Mapping[str, str]
    """Our names of a convolution's numbers, and theirs."""
    rgb: Callable[[int], str]
    """The name of the ToRGB at this side."""
    coloured: Mapping[str, str]
    judge: Callable[[Sequence[int]], dict[str, str]]
    """Our names of the discriminator's numbers, and theirs, for sides from 4 up."""
    separator: str = "."
    adapt: Callable[[str, Tensor], Tensor] = field(default=lambda _key, value: value)
    """A number of theirs, by its name, as ours."""

    def generator(self, depth: int, convs: int) -> dict[str, str]:
        """Our names of the generator's parameters, and theirs."""
        dot, names = self.separator, {"constant": self.constant}
        for i in range(depth):
            names |= {f"mapping.layers.{i}.{k}": f"{self.dense(i)}{dot}{k}" for k in ("weight", "bias")}
        for i in range(convs):
            theirs = self.conv(i, side(i))
            names |= {f"convs.{i}.{ours}": f"{theirs}{dot}{its}" for ours, its in self.styled.items()}
        for i in range((convs + 1) // 2):
            theirs = self.rgb(4 << i)
            names |= {f"rgbs.{i}.{ours}": f"{theirs}{dot}{its}" for ours, its in self.coloured.items()}
        return names


def side(conv: int) -> int:
    """The side of the map that a convolution gives: one at 4, a pair at each larger."""
    return 4 << ((conv + 1) // 2)


def _judge(names: Mapping[str, Callable[[int], str]], dot: str) -> Callable[[Sequence[int]], dict[str, str]]:
    """A discriminator whose layers hold their weight and their bias side by side."""

    def judge(sides: Sequence[int]) -> dict[str, str]:
        layers = {"stem": names["stem"](sides[-1])}
        for i, r in enumerate(reversed(sides[1:])):
            layers |= {f"blocks.{i}.{name}": names[name](r) for name in ("first", "second", "skip")}
        layers |= {name: names[name](4) for name in ("last", "dense", "logit")}
        pairs = {f"{ours}.{k}": f"{its}{dot}{k}" for ours, its in layers.items() for k in ("weight", "bias")}
        return {ours: its for ours, its in pairs.items() if not ours.endswith("skip.bias")}

    return judge


def _rosinality_judge(sides: Sequence[int]) -> dict[str, str]:
    """A discriminator whose layers are sequences: a blur, a weight, a bias."""
    names = {"stem.weight": "convs.0.0.weight", "stem.bias": "convs.0.1.bias"}
    layers = {"first.weight": "conv1.0.weight", "first.bias": "conv1.1.bias"}
    layers |= {"second.weight": "conv2.1.weight", "second.bias": "conv2.2.bias", "skip.weight": "skip.1.weight"}
    for i in range(len(sides) - 1):
        names |= {f"blocks.{i}.{ours}": f"convs.{i + 1}.{its}" for ours, its in layers.items()}
    names |= {"last.weight": "final_conv.0.weight", "last.bias": "final_conv.1.bias"}
    for layer, its in (("dense", "final_linear.0"), ("logit", "final_linear.1")):
        names |= {f"{layer}.{k}": f"{its}.{k}" for k in ("weight", "bias")}
    return names


def _from_tensorflow(key: str, value: Tensor) -> Tensor:
    """(h, w, in, out) to (out, in, h, w), (in, out) to (out, in)."""
    if key.endswith("mod_bias"):
        return value + 1
    if value.ndim == 2:
        return value.T
    if not key.endswith("/weight"):
        return value
    turned = value.flip(0, 1) if key.endswith("Conv0_up/weight") else value
    return turned.permute(3, 2, 0, 1)


def _styled(weight: str, style: str, bias: str, strength: str = "") -> dict[str, str]:
    names = {"conv.weight": weight, "bias": bias}
    names |= {f"conv.style.{k}": f"{style}{k}" for k in ("weight", "bias")}
    return names | ({"strength": strength} if strength else {})


ROSINALITY = StyleGAN2Layout(
    name="rosinality",
    dense=lambda i: f"style.{i + 1}",
    constant="input.input",
    conv=lambda i, _: f"convs.{i - 1}" if i else "conv1",
    styled=_styled("conv.weight", "conv.modulation.", "activate.bias", "noise.weight"),
    rgb=lambda r: f"to_rgbs.{r.bit_length() - 4}" if r > 4 else "to_rgb1",
    coloured=_styled("conv.weight", "conv.modulation.", "bias"),
    judge=_rosinality_judge,
)
PYTORCH = StyleGAN2Layout(
    name="NVIDIA PyTorch",
    dense=lambda i: f"mapping.fc{i}",
    constant="synthesis.b4.const",
    conv=lambda i, r: f"synthesis.b{r}.conv{1 - i % 2}",
    styled=_styled("weight", "affine.", "bias", "noise_strength"),
    rgb=lambda r: f"synthesis.b{r}.torgb",
    coloured=_styled("weight", "affine.", "bias"),
    judge=_judge(
        {
            "stem": lambda r: f"b{r}.fromrgb",
            "first": lambda r: f"b{r}.conv0",
            "second": lambda r: f"b{r}.conv1",
            "skip": lambda r: f"b{r}.skip",
            "last": lambda _: "b4.conv",
            "dense": lambda _: "b4.fc",
            "logit": lambda _: "b4.out",
        },
        ".",
    ),
)
TENSORFLOW = StyleGAN2Layout(
    name="NVIDIA TensorFlow",
    dense=lambda i: f"mapping/Dense{i}",
    constant="synthesis/4x4/Const/const",
    conv=lambda i, r: f"synthesis/{r}x{r}/" + (("Conv1", "Conv0_up")[i % 2] if i else "Conv"),
    styled=_styled("weight", "mod_", "bias", "noise_strength"),
    rgb=lambda r: f"synthesis/{r}x{r}/ToRGB",
    coloured=_styled("weight", "mod_", "bias"),
    judge=_judge(
        {
            "stem": lambda r: f"{r}x{r}/FromRGB",
            "first": lambda r: f"{r}x{r}/Conv0",
            "second": lambda r: f"{r}x{r}/Conv1_down",
            "skip": lambda r: f"{r}x{r}/Skip",
            "last": lambda _: "4x4/Conv",
            "dense": lambda _: "4x4/Dense0",
            "logit": lambda _: "Output",
        },
        "/",
    ),
    separator="/",
    adapt=_from_tensorflow,
)
