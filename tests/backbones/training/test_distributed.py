"""Several processes train one network, as one process with a larger batch would."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import load_file

from partbench import UserError
from partbench.backbones.training.distributed import TrainingDevice, bf16_pays

SCRIPT = """
import sys
from pathlib import Path
from partbench.benchmark.pretrain.budget import Budget
from partbench.benchmark.pretrain.checkpoints import TrainingFiles
from partbench.benchmark.pretrain.validation import Validation
from partbench.benchmark.pretrain.loop import Pretraining
from partbench.benchmark.pretrain.image_stream import ImageStream
sys.path.insert(0, sys.argv[1])
from toys import Mean, Numbers
from partbench.backbones.training.learner import Learner

batch, out = int(sys.argv[2]), Path(sys.argv[3])
trainer = Learner(lambda: Mean(batch), "cpu", 0)
stream = ImageStream(Numbers(), 8, batch, 0)
Pretraining(trainer, stream, TrainingFiles(out), Budget(images=48)).run(lambda _: None, {})
"""
TOYS = """
import torch
from safetensors.torch import save_file
from torch import nn
from partbench.backbones.training.learner import AdamRecipe

class Numbers:
    def __len__(self): return 24
    def name(self, index): return str(index)
    def images(self, indices, size):
        return torch.tensor(indices).float()[:, None, None, None].expand(-1, 3, size, size) / 255

class Mean:
    def __init__(self, batch):
        self.network, self.recipe = nn.Conv2d(3, 4, 3), AdamRecipe(batch=batch, warmup=1)
    def losses(self, network, images): return {"square": (network(images) - images.mean() * 0 - 1).square().mean()}
    def picture(self, network, images): return images
    def measure(self, network, images): return {}
    def save(self, network, path, card):
        save_file({k: v.contiguous() for k, v in network.state_dict().items()}, path, metadata=dict(card))
"""


def launch(forks: ModuleType, folder: Path, processes: int, batch: int, out: Path) -> None:
    """Train with so many processes, the way `accelerate launch` sets them up."""
    (folder / "toys.py").write_text(TOYS)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(processes)}
    shared |= {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    started = [
        forks.Program(SCRIPT, (folder, batch, out), shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in range(processes)
    ]
    try:
        said = [process.communicate(120) for process in started]
        assert not any(process.returncode for process in started), said
    finally:
        for process in started:
            process.end()


def test_two_processes_are_one_with_twice_the_batch(
    forks: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same images in the same order, gradients averaged: the same weights, written once."""
    pytest.importorskip("accelerate")
    one, two = tmp_path / "one" / "w.safetensors", tmp_path / "two" / "w.safetensors"
    launch(forks, tmp_path, 2, 4, two)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["alone", str(tmp_path), "8", str(one)])
    exec(SCRIPT, {})
    alone, together = load_file(one), load_file(two)
    for key, value in alone.items():
        torch.testing.assert_close(together[key], value, rtol=1e-4, atol=1e-6)
    assert {path.suffix for path in two.parent.iterdir()} == {path.suffix for path in one.parent.iterdir()}


@pytest.mark.parametrize(
    ("device", "tiles", "pays"), [("cuda", False, True), ("cpu", True, True), ("cpu", False, False)]
)
def test_bfloat16_is_for_what_multiplies_it(
    monkeypatch: pytest.MonkeyPatch, device: str, tiles: bool, pays: bool
) -> None:
    """A GPU does, and a CPU that has tiles; another one keeps float32, also while it trains."""
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: tiles)
    assert bf16_pays(torch.device(device)) is pays
    if device == "cpu":
        with TrainingDevice(device).autocast():
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == (torch.bfloat16 if pays else torch.float32)


def test_one_process_needs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `accelerate launch` it decides alone; several processes without accelerate are told what to install."""
    machine = TrainingDevice("cpu")
    assert machine.rank == 0
    assert machine.processes == 1
    assert machine.all(True)
    assert not machine.all(False)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(UserError, match=r"which is not there; install partbench\[accelerate\]"):
        TrainingDevice("cpu")
