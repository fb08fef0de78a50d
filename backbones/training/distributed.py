"""Devices of a training: one, or several under `accelerate launch`, with mixed precision."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from ... import UserError


def bf16_pays(device: torch.device) -> bool:
    """Whether bfloat16 is faster than float32: on a GPU, and on a CPU that multiplies tiles of it (Intel's AMX).

    StyleGAN2 of 64 pixels learns from half as many images again a second on such a CPU.
    """
    return device.type == "cuda" or (device.type == "cpu" and torch.cpu._is_amx_tile_supported())


def autocast(device: torch.device) -> torch.autocast:
    """bfloat16 where it pays, by `bf16_pays`."""
    return torch.autocast(device.type, torch.bfloat16, enabled=bf16_pays(device))


class TrainingDevice:
    """The device of this process, and its place among the processes that train together.

    `accelerate launch --num_processes 4 .venv/bin/partbench pretrain ...` starts four of them; each sees other images,
    and their gradients are averaged before every step.
    """

    def __init__(self, device: str = "cpu") -> None:
        self.rank, self.processes = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        self.device = torch.device(device)
        if self.processes > 1:
            self.device = _join(self.device)
        self.bf16 = bf16_pays(self.device)
        """Whether networks run in bfloat16; where that pays, unless somebody decides otherwise."""
        self.recorded = False
        """Whether steps are recorded: casts of weights are then made anew in each, as CUDA graphs need it."""

    def autocast(self) -> torch.autocast:
        """bfloat16 where it is wanted."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16, cache_enabled=not self.recorded)

    def descend(self, optimizer: torch.optim.Optimizer, loss: Tensor) -> Tensor:
        """One step down the gradient of `loss`, averaged over the processes; the loss, which stays on its device."""
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self.processes > 1:
            self.average(p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None)
        optimizer.step()
        return loss.detach()

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors by their mean over the processes, in one message."""
        from accelerate.utils import reduce

        kept = list(tensors)
        flat: Tensor = reduce(torch.cat([tensor.flatten() for tensor in kept]), "mean")
        for tensor, mean in zip(kept, flat.split([t.numel() for t in kept]), strict=True):
            tensor.copy_(mean.view_as(tensor))

    def all(self, yes: bool) -> bool:
        """Whether every process says yes."""
        if self.processes == 1:
            return yes
        from accelerate.utils import reduce

        return bool(reduce(torch.tensor(float(yes), device=self.device), "sum").item() == self.processes)

    def seed(self, seed: int) -> None:
        """Random numbers of this process's own; those of a single process are `seed`'s."""
        torch.manual_seed(seed + self.rank)

    def random_state(self) -> dict[str, Tensor]:
        """Where the random numbers stand."""
        state = {"random": torch.get_rng_state()}
        if self.device.type == "cuda":
            state["random_cuda"] = torch.cuda.get_rng_state(self.device)
        return state

    def set_random_state(self, state: dict[str, Any]) -> None:
        """Go on from `random_state` of the first process; the others from seeds that it gives them."""
        torch.set_rng_state(state["random"].cpu())
        if self.device.type == "cuda" and "random_cuda" in state:
            torch.cuda.set_rng_state(state["random_cuda"].cpu(), self.device)
        if self.rank:
            self.seed(int(torch.randint(2**31, ()).item()))


def _join(device: torch.device) -> torch.device:
    """Meet the other processes; the device that is this one's."""
    try:
        from accelerate import PartialState
    except ImportError:
        mend = "install partbench[accelerate], or start one process"
        raise UserError(f"several processes train together through accelerate, which is not there; {mend}") from None
    found: torch.device = PartialState(cpu=device.type == "cpu").device
    return found


def to_device(network: nn.Module, machine: TrainingDevice) -> nn.Module:
    """The network on the machine's device, its convolutions in the layout that CPUs and GPUs prefer."""
    return network.to(machine.device).to(memory_format=torch.channels_last)
