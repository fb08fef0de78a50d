"""`partbench convert` finds what a published file holds; a Pix2Pix and a HED that it writes are those of the file."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from partbench.backbones.backbone import BackboneError
from partbench.backbones.checks import CHECKS
from partbench.backbones.hed import HED as HED_FAMILY
from partbench.backbones.hed.checkpoints import LAYOUTS, MEANS
from partbench.backbones.hed.config import HEDConfig
from partbench.backbones.hed.networks import HED, open_hed
from partbench.backbones.pix2pix import family
from partbench.backbones.pix2pix.networks import UNetGenerator, extractor
from partbench.backbones.pix2pix.tasks import INPUTS
from partbench.benchmark.cli.commands.convert import find
from partbench.benchmark.cli.main import main
from partbench.benchmark.pretrain.model_card import read_metadata

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


# Pix2Pix


class Block(nn.Module):
    """A level of the U-Net of junyanz's code, written from its keys: `model` holds all, from the inside out."""

    def __init__(self, outer: int, inner: int, within: Block | None, top: bool = False, inputs: int = 0) -> None:
        super().__init__()
        self.top = top
        down = nn.Conv2d(inputs or outer, inner, 4, 2, 1, bias=False)
        up = nn.ConvTranspose2d(inner * (2 if within else 1), outer, 4, 2, 1, bias=top)
        slope, relu = nn.LeakyReLU(0.2), nn.ReLU()
        if top:
            layers = [down, within, relu, up, nn.Tanh()]
        elif within is None:
            layers = [slope, down, relu, up, nn.BatchNorm2d(outer)]
        else:
            layers = [slope, down, nn.BatchNorm2d(inner), within, relu, up, nn.BatchNorm2d(outer), nn.Dropout(0.5)]
        self.model = nn.Sequential(*[layer for layer in layers if layer is not None])

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.model(x)
        # Their slope works in place, so what is passed on is what it left.
        return out if self.top else torch.cat([self.model[0](x), out], 1)


class UNet(nn.Module):
    """`unet_256` has 8 halvings, `unet_128` 7; eight times the first width is the most."""

    def __init__(self, downs: int, inputs: int, outputs: int, width: int) -> None:
        super().__init__()
        widths = [min(width * 2**i, width * 8) for i in range(downs)]
        block: Block | None = None
        for outer, inner in reversed(list(pairwise(widths))):
            block = Block(outer, inner, block)
        self.model = Block(outputs, widths[0], block, top=True, inputs=inputs)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.model(x)
        return out


def trained(downs: int, inputs: int, outputs: int, width: int = 4) -> UNet:
    """A U-Net whose numbers, and whose norms' statistics, are random."""
    torch.manual_seed(0)
    network = UNet(downs, inputs, outputs, width)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.2)
            nn.init.normal_(module.bias, 0.0, 0.2)
            nn.init.normal_(module.running_mean, 0.0, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    return network.eval()


def generator_of(path: Path) -> UNetGenerator:
    generator = find(path).parts["generator"]
    assert isinstance(generator, UNetGenerator)
    return generator


@torch.no_grad()
@pytest.mark.parametrize(
    ("downs", "task", "channels"), [(8, "bilateral", (3, 3)), (7, "hed", (3, 1)), (7, "color", (1, 2))]
)
@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_converted_pix2pix_gives_the_same(
    tmp_path: Path, downs: int, task: str, channels: tuple[int, int], prefix: str
) -> None:
    """The same output, and the same maps behind every deconvolution; the task is known by its channels."""
    network = trained(downs, *channels)
    state = OrderedDict((prefix + key, value) for key, value in network.state_dict().items())
    torch.save(state, tmp_path / "latest_net_G.pth")
    ours, size = generator_of(tmp_path / "latest_net_G.pth"), 2**downs
    assert (ours.config.task, ours.config.size, ours.config.width, ours.config.cap) == (task, size, 4, 32)
    images = torch.rand(2, 3, size, size)
    inputs, theirs = INPUTS[task](images), []
    for module in network.modules():
        if isinstance(module, nn.ConvTranspose2d):
            module.register_forward_hook(lambda _module, _inputs, output: theirs.append(output.clone()))
    output = network(inputs)
    assert (ours(inputs) - output).abs().max() < 1e-4 * output.abs().max()
    maps = extractor(ours)(images)
    assert len(maps) == len(theirs) == downs
    for one, other in zip(maps, theirs, strict=True):
        assert (one - other).abs().max() < 1e-4 * other.abs().max()


def test_a_converted_pix2pix_is_a_backbone(tmp_path: Path, convert: Convert) -> None:
    """It passes the checks, and so does its untrained twin."""
    torch.save(trained(7, 3, 1).state_dict(), tmp_path / "latest_net_G.pth")
    out = tmp_path / "edges.safetensors"
    code, said, errors = convert(tmp_path / "latest_net_G.pth", out)
    assert (code, errors) == (0, "")
    assert "pix2pix-hed: task hed, size 128, width 4, cap 32, rectified True" in said
    assert "layout: junyanz unet_128" in said and f"use it as pix2pix-hed@{out}" in said
    backbone = family("hed").configure("", str(out))
    assert (backbone.size, backbone.channels) == (128, (32, 32, 32, 16, 8, 4, 1))
    for check in CHECKS:
        check(backbone)


def state_of(*arguments: int) -> dict[str, Tensor]:
    return dict(trained(*arguments).state_dict())


def renormed() -> dict[str, Tensor]:
    """A network with instance norms: biases before them, no numbers in them."""
    state = {key: value for key, value in state_of(7, 3, 3).items() if value.ndim == 4}
    return state | {"model.model.1.model.1.bias": torch.ones(8)}


INNERMOST = "model.model.1" + ".model.3" * 5


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (lambda: state_of(7, 6, 3), "it translates 6 channels to 3, and our tasks 1 to 2, 3 to 1, 3 to 3"),
        (lambda: state_of(4, 3, 3), "Pix2Pix has no size of 16 pixels"),
        (renormed, "model.model.1.model.1 has a bias, as behind an instance norm"),
        (
            lambda: {key: value for key, value in state_of(7, 3, 3).items() if not key.startswith(INNERMOST)},
            "its decoder.0.0.weight, as we call it, is missing or of another shape",
        ),
        (
            lambda: {key: value for key, value in state_of(7, 3, 3).items() if "running_var" not in key},
            "it lacks .*running_var",
        ),
        (
            lambda: state_of(7, 3, 3) | {"model.model.3.weight": torch.ones(9, 3, 4, 4)},
            "its decoder.6.0.weight, as we call it, is missing or of another shape",
        ),
        (
            lambda: state_of(7, 3, 3) | {"model.model.1.model.1.weight": torch.ones(9, 4, 4, 4)},
            r"its layers have \(4, 9, 16, 32, 32, 32, 32\) channels, which do not double up to a cap",
        ),
    ],
)
def test_a_unet_that_we_cannot_run(tmp_path: Path, state: Callable[[], dict[str, Tensor]], message: str) -> None:
    """One sentence says what is in the way."""
    torch.save(state(), tmp_path / "w.pth")
    with pytest.raises(BackboneError, match=f"w.pth holds no Pix2Pix that we can run: {message}.*; take a unet_256"):
        find(tmp_path / "w.pth")


# HED


@torch.no_grad()
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_a_hed_of_any_layout_is_converted(tmp_path: Path, layout: Any, convert: Convert) -> None:
    """The same edges as from the published file, which can be read as it is, too."""
    torch.manual_seed(0)
    network = HED(HEDConfig(width=1 / 16))
    state = {its: torch.randn_like(network.state_dict()[ours]) * 0.1 for ours, its in layout.keys.items()}
    if layout.norm:
        state[layout.norm] = torch.tensor(MEANS)[None, :, None, None]
    path, out = tmp_path / "hed.pth", tmp_path / "hed.safetensors"
    torch.save(state, path)
    code, said, errors = convert(path, out)
    assert (code, errors) == (0, "")
    assert f"layout: {layout.name}" in said
    images = torch.rand(1, 3, 32, 32)
    assert (open_hed(out)(images) - open_hed(path)(images)).abs().max() < 0.01
    assert HED_FAMILY.configure("", str(out)).channels == HED_FAMILY.configure("", str(path)).channels


# The verb


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A published file."""
    torch.save(trained(7, 3, 3).state_dict(), tmp_path / "latest_net_G.pth")
    return tmp_path / "latest_net_G.pth"


def test_the_card_says_what_it_was(published: Path, tmp_path: Path, convert: Convert) -> None:
    """The name and the hash of the source, the layout, the command, and whose licence holds."""
    out = tmp_path / "in" / "a" / "folder.safetensors"
    assert convert(published, out)[0] == 0
    metadata, digest = read_metadata(out), hashlib.sha256(published.read_bytes()).hexdigest()
    assert metadata["family"] == "pix2pix-bilateral"
    assert metadata["converted from"] == f"latest_net_G.pth, sha256 {digest}"
    assert metadata["licence"] == "that of the file it was converted from"
    assert json.loads(metadata["config"])["rectified"] is True
    page = out.with_suffix(".md").read_text()
    assert f"| converted from | latest_net_G.pth, sha256 {digest} |" in page
    assert "| command | partbench convert latest_net_G.pth --to folder.safetensors |" in page
    assert sorted(path.name for path in out.parent.iterdir()) == ["folder.md", "folder.safetensors"]


def test_nothing_is_overwritten(published: Path, tmp_path: Path, convert: Convert) -> None:
    """A file that is there stays as it is."""
    out = tmp_path / "mine.safetensors"
    out.write_text("mine")
    code, said, errors = convert(published, out)
    assert (code, said, out.read_text()) == (2, "", "mine")
    assert str(out) in errors


def refused(convert: Convert, file: Path, out: str = "w.safetensors") -> str:
    """What is said of a file that cannot be converted; nothing is left behind."""
    before = set(file.parent.iterdir())
    code, said, errors = convert(file, file.parent / out)
    assert (code, said) == (2, "")
    assert set(file.parent.iterdir()) == before
    assert errors.count("\n") == 1
    return errors


def test_what_cannot_be_converted(published: Path, tmp_path: Path, convert: Convert) -> None:
    """One sentence; for a file that nobody knows, where those are that we know."""
    assert "w.pth" in refused(convert, published, "w.pth")
    assert "nowhere.pt" in refused(convert, tmp_path / "nowhere.pt")
    (tmp_path / "ours.safetensors").write_text("")
    assert "stylegan2@" in refused(convert, tmp_path / "ours.safetensors")
    torch.save({"layer1.weight": torch.ones(3)}, tmp_path / "resnet.pth")
    errors = refused(convert, tmp_path / "resnet.pth")
    assert "resnet.pth holds no network that we know; take one of these" in errors
    for place in ("rosinality/stylegan2-pytorch", "NVlabs/stylegan2-ada-pytorch", "junyanz/pytorch-CycleGAN"):
        assert place in errors
    for content in ([1, 2], ("G", "D", "Gs"), {"G_ema": None}, 3):
        (tmp_path / "w.pkl").write_bytes(pickle.dumps(content))
        assert "w.pkl holds no network that we know" in refused(convert, tmp_path / "w.pkl")


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (self.command,)


@pytest.mark.parametrize("suffix", [".pkl", ".pt"])
def test_code_in_a_file_is_named_and_does_not_run(tmp_path: Path, suffix: str, convert: Convert) -> None:
    """Exit code 2, a sentence with the name, and the command was not run."""
    path, ran = tmp_path / f"w{suffix}", tmp_path / "ran"
    content = {"G_ema": Evil(f"touch {ran}")}
    if suffix == ".pkl":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path)
    assert f"{os.name}.system, of which weights have no need; nothing was run" in refused(convert, path)
    assert not ran.exists()


def test_a_published_file_behind_the_at_sign(published: Path) -> None:
    """The sentence gives the command that makes it ours."""
    message = r"latest_net_G.pth is no weights file of ours.*partbench convert .* --to latest_net_G.safetensors"
    with pytest.raises(BackboneError, match=message):
        family("bilateral").configure("", str(published))
