"""What projecting saves at the paper's scale: StyleGAN2's maps, C = 5,504, to 128 channels at 256 pixels.

Ratios only, both ways measured in this run; forward and backward, the gradient that of the first layer.
One thread and its own CPU time, because on a busy machine threads wait for each other, and for others.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time

import pytest
import torch
import torch.nn.functional as F
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from partbench.heads.pixelwise import dense, project

LAYERS = ((512, 4), *((512, side) for side in (8, 8, 16, 16, 32, 32, 64, 64)))
LAYERS += ((256, 128), (256, 128), (128, 256), (128, 256), (64, 512), (64, 512))
"""(channels, side) of the 1024-pixel StyleGAN2's layers up to 512 pixels (section 4.1)."""
SIZE, OUT = 256, 128
WAYS: dict[str, Callable[[list[Tensor], Tensor, Tensor], Tensor]] = {
    "dense": lambda maps, weight, bias: F.conv2d(dense(maps, SIZE), weight, bias),
    "project": lambda maps, weight, bias: project(maps, weight, bias, SIZE),
}
FASTER, SMALLER = 5, 10
"""What holds on any CPU; 7 to 9 times as fast was measured on two of them, the ratio depends on their caches."""


def inputs() -> tuple[list[Tensor], Tensor, Tensor, Tensor]:
    """Maps of one image, the first layer's weight and bias, and a gradient of its result."""
    torch.manual_seed(0)
    maps = [torch.randn(1, channels, side, side) for channels, side in LAYERS]
    weight = torch.randn(OUT, sum(channels for channels, _ in LAYERS), 1, 1).mul_(0.01).requires_grad_()
    return maps, weight, torch.zeros(OUT, requires_grad=True), torch.randn(1, OUT, SIZE, SIZE)


def step(way: str, maps: list[Tensor], weight: Tensor, bias: Tensor, pull: Tensor) -> Tensor:
    """Forward and backward; the gradient of the weight."""
    weight.grad = None
    WAYS[way](maps, weight, bias).backward(pull)
    assert weight.grad is not None
    return weight.grad


pytestmark = pytest.mark.usefixtures("one_thread")


def test_c_is_the_papers() -> None:
    assert sum(channels for channels, _ in LAYERS) == 5504


@pytest.mark.benchmark(timer=process_time)
def test_projecting_is_faster(benchmark: BenchmarkFixture) -> None:
    """At least five times."""
    given = inputs()
    start = process_time()
    step("dense", *given)
    slow = process_time() - start
    benchmark.pedantic(step, args=("project", *given), rounds=5)
    assert benchmark.stats is not None
    ratio = slow / benchmark.stats.stats.median
    benchmark.extra_info["times faster than dense"] = round(ratio, 1)
    assert ratio >= FASTER


def test_projecting_takes_less_memory() -> None:
    """At least ten times, as the operating system counts it: peak above the process with its inputs made."""
    if sys.platform != "linux":
        pytest.skip("peak memory is read as Linux counts it")
    dense_peak, project_peak = _peak("dense"), _peak("project")
    assert dense_peak / project_peak >= SMALLER, f"{dense_peak} kB against {project_peak} kB"


def _peak(way: str) -> int:
    """Kilobytes that a step takes at its peak, in a process of its own."""
    run = subprocess.run([sys.executable, __file__, way], check=True, capture_output=True, text=True)
    return int(run.stdout)


def _status(field: str) -> int:
    """Kilobytes in a field of this process's status; `ru_maxrss` would count the parent's too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


if __name__ == "__main__":
    torch.set_num_threads(1)
    given = inputs()
    F.conv2d(torch.zeros(1, 8, 8, 8), torch.zeros(8, 8, 1, 1, requires_grad=True)).sum().backward()  # loads libraries
    before = _status("VmRSS")
    step(sys.argv[1], *given)
    print(_status("VmHWM") - before)
