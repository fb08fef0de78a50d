"""The heads are those of the paper, and pass the checks that anybody's must."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from partbench.heads import checks, cnn, mlp, partbench_heads
from partbench.heads.head import Head, HeadError, ReadsPixels, likeliest
from partbench.heads.linear import Linear
from partbench.heads.ridge import Ridge

HEADS = {head.name: head for head in partbench_heads()}
CNNS = {
    "s": [(128, 64, 2), (64, 64, 1), (64, 32, 2), (32, 10, 1)],
    "m": [(128, 64, 2), (64, 64, 4), (64, 64, 1), (64, 64, 2), (64, 32, 4), (32, 10, 1)],
    "l": [(128, 64, 2), *((64, 64, d) for d in (4, 8, 1, 2, 4)), (64, 32, 8), (32, 10, 1)],
}
"""(channels in, channels out, dilation) after the first layer, from Tables C to E, for ten classes."""
MLPS = {"linear": [42, 10], "mlp-1": [42, 2000, 10], "mlp-2": [42, 2000, 200, 10]}
"""Widths for 42 channels and ten classes."""


@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("head", HEADS.values(), ids=lambda head: head.name)
def test_every_head_passes(head: Head, check: Callable[[Head], None]) -> None:
    check(head)


@given(seed=st.integers(0, 2**16), classes=st.integers(1, 5), dim=st.sampled_from([0, 1, 2, -1]))
def test_of_equal_logits_the_first_is_likeliest(seed: int, classes: int, dim: int) -> None:
    """As `argmax` says, along any axis, though most logits be equal."""
    logits = torch.randint(3, (4, classes, 70, 3), generator=torch.Generator().manual_seed(seed)).float()
    assert torch.equal(likeliest(logits, dim), logits.argmax(dim))
    assert torch.equal(likeliest(logits), logits.argmax(1))


def test_the_names_are_those_of_the_leaderboard() -> None:
    cnns = ["cnn-s", "cnn-m", "cnn-l", "cnn-s-3x3", "cnn-m-3x3", "cnn-l-3x3"]
    assert list(HEADS) == ["ridge", "prototype", "knn", "linear", "mlp-1", "mlp-2", *cnns]
    assert all(head.summary for head in HEADS.values())


@pytest.mark.parametrize("kernel", (1, 3))
@pytest.mark.parametrize("name", CNNS)
def test_cnns_have_the_layers_of_the_tables(name: str, kernel: int) -> None:
    net = HEADS[f"cnn-{name}" + ("-3x3" if kernel == 3 else "")].build((30, 12), 10)
    layers = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d)]
    assert net.get_parameter("first.weight").shape == (128, 42, kernel, kernel)
    assert [(c.in_channels, c.out_channels, c.dilation[0]) for c in layers] == CNNS[name]
    assert all(c.kernel_size == (3, 3) and c.padding == c.dilation for c in layers)


@pytest.mark.parametrize("dilation", [1, 2, 8])
def test_a_dilated_layer_as_a_product_of_matrices_is_itself(dilation: int) -> None:
    """As a GPU computes it, in logits and in gradients."""
    torch.manual_seed(0)
    layer = nn.Conv2d(5, 4, 3, padding=dilation, dilation=dilation).double()
    x = torch.randn(2, 5, 9, 7, dtype=torch.float64, requires_grad=True)
    found = []
    for work in (layer, lambda x: cnn.unfolded(x, layer)):
        out = work(x)
        found.append([out, *torch.autograd.grad(out.square().sum(), (x, *layer.parameters()))])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("name", "widths"), MLPS.items())
def test_mlps_have_the_widths_of_section_4_2(name: str, widths: list[int]) -> None:
    weights = [p for p in HEADS[name].build((30, 12), 10).parameters() if p.dim() > 1]
    assert [w.shape[:2] for w in weights] == list(zip(widths[1:], widths[:-1], strict=True))


@pytest.mark.parametrize("name", HEADS)
def test_heads_that_see_one_pixel_at_a_time_can_be_asked_for_some(name: str) -> None:
    assert isinstance(HEADS[name].build((4,), 3), ReadsPixels) == (not name.startswith("cnn"))


def test_mlp_is_the_same_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    net, maps = HEADS["mlp-2"].build((4, 2), 3), [torch.randn(1, 4, 4, 4), torch.randn(1, 2, 8, 8)]
    whole = net(maps, 8)
    monkeypatch.setitem(mlp.BLOCK, "cpu", 300 * 64)
    torch.testing.assert_close(net(maps, 8), whole, rtol=1e-4, atol=1e-5)


def test_listing_the_heads_does_not_import_torch() -> None:
    code = "import sys; from partbench.heads import partbench_heads as f; list(f()); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class Wide(Linear):
    """Gives logits of one size only."""

    def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
        return super().forward(maps, 8)


class Greedy(Linear):
    """Writes into its maps."""

    def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
        return super().forward([layer.mul_(2) for layer in maps], size)


class Double(Linear):
    """Answers in another dtype."""

    def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
        return super().forward(maps, size).double()


class Idle(Linear):
    """Has a parameter that it does not use."""

    def __init__(self, channels: tuple[int, ...], classes: int) -> None:
        super().__init__(channels, classes)
        self.spare = nn.Parameter(torch.zeros(1))


class Restless(Linear):
    """Draws at random in eval mode."""

    def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
        return super().forward(maps, size) + torch.rand(1)


class Running(Linear):
    """Keeps a mean of its training where no state has it."""

    mean: Tensor | float = 0.0

    def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
        if self.training:
            self.mean = maps[0].mean().detach()
        return super().forward(maps, size) * (1 + self.mean)


class Mixed(Linear):
    """Normalises over the batch."""

    def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
        logits = super().forward(maps, size)
        return logits - logits.mean(0)


class Elsewhere(Linear):
    """Reads other pixels than it was asked for."""

    def at(self, maps: Sequence[Tensor], pixels: Tensor, size: int) -> Tensor:
        return super().at(maps, pixels.flip(1), size)


class Stuck(Linear):
    """Cannot learn."""

    def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
        return super().forward(maps, size) * 0


class Blank(Ridge):
    """Is not what it solved, but at random."""

    def solve(self, shot: Callable[[int], Sequence[Tensor]], masks: Tensor) -> None:
        nn.init.normal_(self.weight.detach())


class Growing(Ridge):
    """Adds to what it solved before."""

    def solve(self, shot: Callable[[int], Sequence[Tensor]], masks: Tensor) -> None:
        before = self.weight.detach().clone()
        super().solve(shot, masks)
        self.weight.detach().add_(before)


class Forgetful(Ridge):
    """Keeps a number where no state has it."""

    factor = 1.0

    def solve(self, shot: Callable[[int], Sequence[Tensor]], masks: Tensor) -> None:
        super().solve(shot, masks)
        self.factor = 2.0

    def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
        return super().forward(maps, size) * self.factor


class Spoiling(Ridge):
    """Writes into its shots once it has read them."""

    def solve(self, shot: Callable[[int], Sequence[Tensor]], masks: Tensor) -> None:
        super().solve(shot, masks)
        shot(0)[0].mul_(2)


class Clamping(Ridge):
    """Takes what has no label for the last class."""

    def solve(self, shot: Callable[[int], Sequence[Tensor]], masks: Tensor) -> None:
        super().solve(shot, masks.clamp(max=len(self.bias) - 1))


FAULTS = (
    (lambda channels, classes: "head", checks.check_builds, "not a module"),
    (Wide, checks.check_logits, "resize them"),
    (Greedy, checks.check_untouched, "writes into the maps"),
    (Double, checks.check_device, "gives torch.float64 on cpu for maps of torch.float32 on cpu"),
    (Idle, checks.check_gradients, "never trains spare"),
    (Restless, checks.check_seed, "draw"),
    (Running, checks.check_kept, "once it is saved and loaded"),
    (Mixed, checks.check_batch, "mixes the images"),
    (Elsewhere, checks.check_pixels, "differs from forward"),
    (Stuck, checks.check_learns, "learns only"),
    (Blank, checks.check_learns, "knows only"),
    (Growing, checks.check_solves, "when it solves again"),
    (Forgetful, checks.check_solves, "loses what it has solved"),
    (Spoiling, checks.check_solves, "writes into the maps"),
    (Clamping, checks.check_unseen, "not seen"),
)


@pytest.mark.parametrize(("build", "check", "message"), FAULTS, ids=[message for *_, message in FAULTS])
def test_a_fault_fails_its_check(build: Callable[..., nn.Module], check: Callable[[Head], None], message: str) -> None:
    with pytest.raises(HeadError, match=f"faulty.*{message}"):
        check(Head("faulty", build))


@settings(max_examples=10)
@given(st.sampled_from(("linear", "mlp-2", "cnn-s", "cnn-l", "cnn-s-3x3")), st.integers(33, 40), st.integers(9, 36))
def test_heads_say_the_same_in_strips(name: str, size: int, height: int) -> None:
    """Dilated layers look far beyond a strip, and zeros lie around the image alone."""
    torch.manual_seed(0)
    maps = [torch.randn(1, c, side, side, dtype=torch.float64) for c, side in ((3, 4), (2, 16), (2, size))]
    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        patch.setattr("partbench.heads.mlp.NETWORKS", {k: replace(n, hidden=(6,)) for k, n in mlp.NETWORKS.items()})
        head = HEADS[name].build((3, 2, 2), 4).double()
        patch.setitem(mlp.STRIP, "cpu", 7 * size)
        found = [head.rows(maps, (top, min(top + height, size)), size) for top in range(0, size, height)]  # type: ignore[operator]
        torch.testing.assert_close(torch.cat(found, 2), head(maps, size), rtol=1e-9, atol=1e-9)
