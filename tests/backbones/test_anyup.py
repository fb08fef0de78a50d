"""AnyUp, computed before or after what is done with the map, and held against its equations in a few lines."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from partbench.backbones import anyup
from partbench.backbones.anyup import attention
from partbench.backbones.anyup.guided import GuidedMap
from partbench.backbones.anyup.network import AnyUp
from partbench.backbones.anyup.upsample import Upsample, open_weights
from partbench.backbones.backbone import Backbone, BackboneError, Inverts
from partbench.backbones.checks import CHECKS
from partbench.backbones.controls.derived import wrap_backbone
from partbench.heads import partbench_heads
from partbench.heads.gram import class_sums, exact, gram
from partbench.heads.head import Solves
from partbench.heads.pixelwise import dense, project, sample

WIDTH, SIZE = 16, 12
CHANNELS, SIDES = (5, 7, 3), (3, 6, 24)


def network(width: int = WIDTH) -> AnyUp:
    torch.manual_seed(0)
    random = AnyUp(width, 3)
    nn.init.normal_(random.rope.freqs, std=3)
    for parameter in random.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return random


def raw_maps(count: int = 2) -> list[Tensor]:
    noise = torch.Generator().manual_seed(1)
    return [torch.randn(count, c, side, side, generator=noise) for c, side in zip(CHANNELS, SIDES, strict=True)]


def guided(count: int = 2, dtype: torch.dtype = torch.float64) -> tuple[list[Tensor], Tensor, AnyUp]:
    """Maps of images, which AnyUp enlarges; the images; the network."""
    images, net = torch.rand(count, 3, 24, 24, dtype=dtype), network().to(dtype)
    maps = Upsample(net)([m.to(dtype) for m in raw_maps(count)], lambda: images, 24, 24)
    # Keys in double precision, which a run has no need of.
    for layer in maps:
        assert isinstance(layer, GuidedMap)
        for i, one in enumerate(layer.attentions):
            one.raw = layer.cells[i : i + 1]
    return list(maps), images, net


def reference(net: AnyUp, image: Tensor, layer: Tensor, size: int) -> Tensor:
    """AnyUp as its code has it: (1, C, size, size) of an image (1, 3, H, W) and a map (1, C, h, w)."""
    (h, w), channels, heads = layer.shape[-2:], layer.shape[1], 4
    x = net.image_encoder((image - net.mean) / net.deviation)
    rows, columns = (torch.linspace(0, 1, side, dtype=x.dtype) for side in x.shape[-2:])
    places = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), -1)
    angle = (places @ net.rope.freqs).permute(2, 0, 1)
    half = WIDTH // 2
    x = x * angle.cos() + torch.cat((-x[:, half:], x[:, :half]), 1) * angle.sin()
    q = net.cross_decode.conv2d(F.adaptive_avg_pool2d(net.query_encoder(x), size))

    normal, basis = F.normalize(layer, dim=1), net.key_features_encoder[0].basis
    answers = F.conv2d(F.pad(normal, (1,) * 4), basis.repeat(channels, 1, 1, 1), groups=channels)
    answers = answers / F.conv2d(
        torch.ones(1, 1, h, w, dtype=x.dtype), torch.ones(1, 1, 3, 3, dtype=x.dtype), padding=1
    )
    unified = answers.view(1, WIDTH, channels, h, w).softmax(1).mean(2)
    k = torch.cat((F.adaptive_avg_pool2d(net.key_encoder(x), (h, w)), net.key_features_encoder[1:](unified)), 1)
    k = net.aggregation(k).flatten(2).transpose(1, 2)

    masked = torch.ones(size, size, h, w, dtype=torch.bool)
    for i, j in itertools.product(range(size), repeat=2):
        (top, bottom), (left, right) = (
            ((max(0, (p + 0.5) / size - 0.1) * n).__floor__(), -(-min(1, (p + 0.5) / size + 0.1) * n).__floor__())
            for p, n in ((i, h), (j, w))
        )
        masked[i, j, top:bottom, left:right] = False
    cross = net.cross_decode.cross_attn
    query, key = cross.norm_q(q.flatten(2).transpose(1, 2)), cross.norm_k(k)
    _, weights = cross.attention(query, key, k, attn_mask=masked.view(size * size, h * w), average_attn_weights=True)
    assert heads == cross.attention.num_heads
    return (weights @ layer.flatten(2).transpose(1, 2)).transpose(1, 2).view(1, channels, size, size)


def all_of_it(net: AnyUp, images: Tensor, maps: list[Tensor], size: int) -> Tensor:
    """F with AnyUp for U, for every image; a map that is not smaller is made smaller as ever."""
    rows = []
    for i in range(len(images)):
        layers = [m.cells[i : i + 1] for m in maps]  # type: ignore[attr-defined]
        large = [
            reference(net, images[i : i + 1], m, size) if m.shape[-1] < size else F.adaptive_avg_pool2d(m, size)
            for m in layers
        ]
        rows.append(torch.cat(large, 1))
    return torch.cat(rows)


@pytest.mark.parametrize("kept", [0, attention.KEPT])
def test_it_is_anyup_densely_projected_and_sampled(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eq. (1) with AnyUp for U: whole, through 1x1 and dilated 3x3 layers, in rows, and at pixels; kept or not."""
    monkeypatch.setattr(attention, "KEPT", kept)
    maps, images, net = guided()
    whole = all_of_it(net, images, maps, SIZE)
    close = {"rtol": 1e-6, "atol": 1e-9}  # the bounds of windows are float32's, as in the published code
    torch.testing.assert_close(dense(maps, SIZE), whole, **close)
    pixels = torch.tensor([[0, 17, 143, 5], [9, 9, 100, 1]])
    torch.testing.assert_close(
        sample(maps, pixels, SIZE), whole.flatten(2).gather(2, pixels[:, None].expand(-1, 15, -1)), **close
    )
    for kernel, dilation in ((1, 1), (3, 1), (3, 2)):
        weight = torch.randn(4, 15, kernel, kernel, dtype=torch.float64, requires_grad=True)
        bias = torch.randn(4, dtype=torch.float64)
        slow = F.conv2d(whole, weight, bias, padding=dilation * (kernel // 2), dilation=dilation)
        torch.testing.assert_close(project(maps, weight, bias, SIZE, dilation), slow, **close)
        some = project(maps, weight, bias, SIZE, dilation, rows=(3, 8))
        torch.testing.assert_close(some, slow[:, :, 3:8], **close)
        pull = torch.randn_like(some)
        one, other = (torch.autograd.grad(y, weight, pull)[0] for y in (some, slow[:, :, 3:8]))
        torch.testing.assert_close(one, other, **close)


def test_sums_over_pixels_are_those_of_the_whole() -> None:
    """The Gram matrix and the sums by class, without F, over labelled pixels alone."""
    (maps, images, net), mask = guided(1), torch.randint(0, 4, (SIZE, SIZE))
    whole = all_of_it(net, images, maps, SIZE)[0].flatten(1)[:, mask.flatten() < 3]
    layers, labels = exact(maps, SIZE), mask.flatten()[mask.flatten() < 3]
    torch.testing.assert_close(gram(layers, mask < 3), whole @ whole.T, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(class_sums(layers, mask, 3), whole @ F.one_hot(labels, 3).double(), rtol=1e-5, atol=1e-6)


def test_a_scale_and_a_shift_by_channel_pass_through() -> None:
    """A pixel's weights add to 1, so that a map may be scaled before; cut and joined it keeps its attention."""
    maps, _, _ = guided()
    layer, shift, scale = (
        maps[1],
        torch.randn(7, 1, 1, dtype=torch.float64),
        torch.rand(7, 1, 1, dtype=torch.float64) + 1,
    )
    scaled = (layer - shift) / scale
    assert isinstance(scaled, GuidedMap)
    torch.testing.assert_close(dense([scaled], SIZE), (dense([layer], SIZE) - shift) / scale)
    again = torch.cat([layer[1:], layer[:1]])[[1, 0]].detach().float().to("cpu").double()
    torch.testing.assert_close(dense([again], SIZE), dense([layer], SIZE), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda m: F.interpolate(m, (8, 8)),
        lambda m: m.flatten(2),
        lambda m: torch.cat([m, m], 1),
        lambda m: torch.cat([m, m.cells]),
        lambda m: m - m.cells,
        lambda m: m.cells - m,
        lambda m: m + m,
        lambda m: m[:, :1],
        lambda m: torch.einsum("nchw->nc", m),
    ],
)
def test_what_would_forget_the_attention_is_refused(wrong: Any) -> None:
    """No operation takes the cells for the enlarged map without a word."""
    with pytest.raises(BackboneError, match=r"read them by heads/pixelwise\.py"):
        wrong(guided()[0][0])


@pytest.mark.parametrize(
    "head", [head for head in partbench_heads() if head.name != "mlp-1"], ids=lambda head: head.name
)
def test_every_head_reads_it_as_the_whole(head: Any) -> None:
    """Every head of ours says of the maps what it says of F itself, materialised; solved heads learn the same too."""
    maps, images, net = guided(2, torch.float32)
    whole, masks = all_of_it(net, images, maps, SIZE), torch.randint(0, 3, (2, SIZE, SIZE))
    modules = []
    for channels, shown in ((CHANNELS, maps), ((15,), [whole])):
        torch.manual_seed(0)
        module = head.build(channels, 3).eval()
        if isinstance(module, Solves):
            torch.manual_seed(1)
            module.solve(lambda i, shown=shown: [m[i : i + 1] for m in shown], masks)
        modules.append(module)
    if not isinstance(modules[0], Solves):
        modules[1].load_state_dict(modules[0].state_dict())
    with torch.no_grad():
        one, other = modules[0](maps, SIZE), modules[1]([whole], SIZE)
    assert (one.argmax(1) == other.argmax(1)).float().mean() > 0.99
    if head.name != "knn":  # whose votes jump
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3 * float(other.abs().clamp(max=1e3).max()))


def published(path: Path, **more: Tensor) -> Path:
    """A file with the layout of the published checkpoints."""
    torch.save({**network().state_dict(), **more}, path)
    return path


def test_the_layout_is_that_of_the_published_files() -> None:
    """The names and shapes of `anyup_multi_backbone.pth`, whose width is 128 and whose filters are 5 x 5."""
    with torch.device("meta"):
        shapes = {name: tuple(value.shape) for name, value in AnyUp(128, 5).state_dict().items()}
    block = {"block.0.weight": (128,), "block.0.bias": (128,), "block.2.weight": (128, 128, 1, 1)}
    block |= {"block.3.weight": (128,), "block.3.bias": (128,), "block.5.weight": (128, 128, 1, 1)}
    firsts = {"image_encoder": ("weight", (128, 3, 1, 1)), "key_encoder": ("weight", (128, 128, 1, 1))}
    firsts |= {"query_encoder": ("weight", (128, 128, 1, 1)), "aggregation": ("weight", (128, 256, 3, 3))}
    firsts |= {"key_features_encoder": ("basis", (128, 1, 5, 5))}
    expected = {f"{part}.0.{name}": shape for part, (name, shape) in firsts.items()}
    expected |= {f"{part}.{i}.{name}": shape for part in firsts for i in (1, 2) for name, shape in block.items()}
    cross = {"norm_q.weight": (128,), "norm_k.weight": (128,), "attention.in_proj_weight": (384, 128)}
    cross |= {
        "attention.in_proj_bias": (384,),
        "attention.out_proj.weight": (128, 128),
        "attention.out_proj.bias": (128,),
    }
    expected |= {f"cross_decode.cross_attn.{name}": shape for name, shape in cross.items()}
    assert shapes == expected | {"cross_decode.conv2d.weight": (128, 128, 3, 3), "rope.freqs": (2, 128)}


def test_other_weights_are_refused(tmp_path: Path) -> None:
    """A file of something else, or with a layer too many, is no AnyUp."""
    torch.save({"a": torch.zeros(1)}, tmp_path / "a.pth")
    for file in (tmp_path / "a.pth", published(tmp_path / "b.pth", more=torch.zeros(1))):
        with pytest.raises(
            BackboneError, match=r"holds other weights than AnyUp's \(.*\); take anyup_multi_backbone\.pth"
        ):
            open_weights(file)


class Reading(nn.Conv2d):
    """One small map."""

    def forward(self, images: Tensor) -> list[Tensor]:  # type: ignore[override]
        return [F.avg_pool2d(super().forward(images), 4), images.mean((2, 3), keepdim=True)]


def open_reading() -> Reading:
    torch.manual_seed(0)
    return Reading(3, 5, 1).requires_grad_(False).eval()


def test_a_wrapped_backbone_keeps_its_contract(tmp_path: Path) -> None:
    """`NAME+anyup@FILE` passes every check; a map of one cell stays as it is; both files are in its identity."""
    toy = Backbone("toy", 32, (5, 3), load=open_reading, origin="hub")
    wrapped = wrap_backbone(toy, ("-position", f"+anyup@{published(tmp_path / 'w.pth')}", "+position"))
    assert (wrapped.channels, wrapped.upsampler) == ((5, 3, 20), tmp_path / "w.pth")
    assert wrapped.origin == "hub; AnyUp of w.pth"
    kinds = [type(layer) for layer in wrapped.load()(torch.rand(2, 3, 32, 32))]
    assert kinds == [GuidedMap, Tensor, Tensor]
    for check in CHECKS:
        check(wrapped)


def test_images_of_codes_and_samples_guide_too(tmp_path: Path) -> None:
    """Maps of codes are guided by what the codes stand for, so that they are those of the image where both agree."""

    class Inverting(Reading):
        def invert(self, images: Tensor) -> dict[str, Tensor]:
            return {"w": images}

        def maps(self, codes: dict[str, Tensor]) -> list[Tensor]:
            return self(codes["w"])

        def reconstruct(self, codes: dict[str, Tensor]) -> Tensor:
            return codes["w"]

    toy = Backbone("toy", 32, (5, 3), load=lambda: Inverting(3, 5, 1).requires_grad_(False).eval())
    extractor = wrap_backbone(toy, (f"+anyup@{published(tmp_path / 'w.pth')}",)).load()
    assert isinstance(extractor, Inverts)
    images = torch.rand(2, 3, 32, 32)
    one, other = extractor(images), extractor.maps(extractor.invert(images))
    torch.testing.assert_close(dense(one, 16), dense(other, 16))


def test_weights_come_from_the_cache_of_torch_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What torch.hub has downloaded is found there; without it and a network the sentence says what to do."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(anyup, "CHECKPOINT", (tmp_path / "none" / "anyup_multi_backbone.pth").as_uri())
    toy = Backbone("toy", 32, (5, 3), load=open_reading, learnt=False)
    with pytest.raises(BackboneError, match=r"neither at .*anyup_multi_backbone\.pth nor to be had .*\+anyup@FILE$"):
        wrap_backbone(toy, ("+anyup",))
    assert not list((tmp_path / "hub" / "checkpoints").iterdir())
    published(tmp_path / "hub" / "checkpoints" / "anyup_multi_backbone.pth")
    wrapped = wrap_backbone(toy, ("+anyup",))
    assert (wrapped.name, wrapped.learnt) == ("toy+anyup", True) and wrapped.origin.endswith("(CC BY 4.0)")
    assert isinstance(replace(wrapped).load()(torch.rand(1, 3, 32, 32))[0], GuidedMap)
