"""Steps recorded as a CUDA graph: replayed they cost the device's time alone, and no launch of each operation."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ... import one_line

WARM = 1
"""Plain calls before the recording, in which libraries choose their algorithms."""
TOLERANCE = 1e-2
"""How far a replay may lie from a plain call, against the largest change of each tensor by that call."""


def can_record(device: torch.device) -> bool:
    """Whether steps on this device can be recorded."""
    return device.type == "cuda"


class RecordedStep:
    """Work that changes tensors in place, recorded on a CUDA device and called plainly on every other.

    The work reads and writes the same tensors in every call, and reads nothing back to the host. With `state`, which
    is then all that it changes, the first replay is held against a plain call from the same state. What cannot be
    recorded, or replays as something else, is said and called plainly.
    """

    def __init__(self, work: Callable[[], Tensor], device: torch.device, state: Sequence[Tensor] = ()) -> None:
        self.work, self.device, self.state = work, device, state
        self.graph: torch.cuda.CUDAGraph | None = None
        self.result = torch.empty(0)
        self.calls = 0
        self.plain = not can_record(device)

    def __call__(self) -> Tensor:
        """One step; what the work returned, in a tensor that the next call overwrites."""
        if self.plain:
            return self.work()
        if self.graph is None and self.calls < WARM:
            return self._beside()
        if self.graph is None:
            try:
                self._record()
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:  # torch's, of whatever cannot be captured
                return self._give_up(one_line(error))
        assert self.graph
        self.graph.replay()
        return self.result

    def _beside(self) -> Tensor:
        """A plain call on a stream of its own, where the recording will be, as torch asks for."""
        self.calls += 1
        stream, now = torch.cuda.Stream(self.device), torch.cuda.current_stream(self.device)
        stream.wait_stream(now)
        with torch.cuda.stream(stream):
            result = self.work()
        now.wait_stream(stream)
        return result

    def _record(self) -> None:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # another thread may read ahead meanwhile
            self.result = self.work()
        self.graph = graph
        if self.state:
            self._compare(graph)

    def _compare(self, graph: torch.cuda.CUDAGraph) -> None:
        """Replay and call plainly from the same state, which stays as it is; an error if they differ."""
        before = [tensor.detach().clone() for tensor in self.state]
        graph.replay()
        replayed = self._reset(before)
        self._beside()
        called = self._reset(before)
        if not all(map(agree, before, replayed, called)):
            raise RuntimeError("its replay differs from a plain call")

    @torch.no_grad()
    def _reset(self, before: Sequence[Tensor]) -> list[Tensor]:
        """What the state has become; it is put back to what it was."""
        found = [tensor.detach().clone() for tensor in self.state]
        for tensor, earlier in zip(self.state, before, strict=True):
            tensor.copy_(earlier)
        return found

    def _give_up(self, why: str) -> Tensor:
        self.graph, self.plain = None, True
        warnings.warn(f"a step is not recorded as a CUDA graph ({why}); it is called plainly, slower", stacklevel=3)
        return self.work()


def agree(before: Tensor, one: Tensor, other: Tensor) -> bool:
    """Whether two calls changed a tensor alike."""
    return bool(_apart(one, other) <= TOLERANCE * _apart(before, other) + 1e-12)


def _apart(one: Tensor, other: Tensor) -> Tensor:
    """The largest difference, () float64; of what is equal, be it infinite, 0."""
    return torch.where(one == other, 0.0, (one.double() - other.double()).abs()).amax()


def make_capturable(optimizer: torch.optim.Optimizer) -> None:
    """Let an Adam count its steps on the device, as a recorded step needs it."""
    for group in optimizer.param_groups:
        group["capturable"] = True
        for parameter in group["params"]:
            if state := optimizer.state.get(parameter):
                state["step"] = torch.as_tensor(state["step"], dtype=torch.float32, device=parameter.device)
