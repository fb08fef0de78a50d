"""A recorded step is the plain one: the recording itself needs a CUDA device, what surrounds it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from partbench.backbones.training import recorded
from partbench.backbones.training.recorded import WARM, RecordedStep, agree, make_capturable

CPU = torch.device("cpu")


class Graph:
    """Stands for a CUDA graph: replayed, it does the work again and writes its result where the first one lies."""

    work: Callable[[], Tensor]

    def __init__(self) -> None:
        self.result, self.replays = torch.empty(0), 0

    def replay(self) -> None:
        self.replays += 1
        self.result.copy_(self.work())


class Counter:
    """A step that adds one in place, and returns what it has come to."""

    def __init__(self) -> None:
        self.at, self.calls, self.drift = torch.zeros(1), 0, 0.0

    def work(self) -> Tensor:
        self.calls += 1
        self.at += 1
        return self.at.clone()


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Counter:
    """Recorded on a device that plays CUDA: recording runs nothing, as there."""
    found = Counter()

    @contextmanager
    def record(graph: Graph, capture_error_mode: str) -> Iterator[None]:
        before = found.at.clone()
        yield
        graph.result = found.at.clone()
        found.at.copy_(before)

    def replayed() -> Tensor:
        found.at += 1 + found.drift
        return found.at.clone()

    stream = SimpleNamespace(wait_stream=lambda other: None)
    Graph.work = staticmethod(replayed)
    monkeypatch.setattr(recorded, "can_record", lambda device: True)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", record)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: stream)
    monkeypatch.setattr(torch.cuda, "stream", nullcontext)
    return found


def test_on_a_cpu_every_call_is_plain() -> None:
    """Nothing is recorded, and every call does the work."""
    counter = Counter()
    step = RecordedStep(counter.work, CPU, [counter.at])
    assert [step().item() for _ in range(5)] == [1, 2, 3, 4, 5]
    assert counter.calls == 5 and step.graph is None


@pytest.mark.parametrize("compared", [True, False])
def test_a_recording_goes_on_where_the_plain_calls_stopped(counter: Counter, compared: bool) -> None:
    """Neither the recording nor the comparison is a step; the work is called no more once it is recorded."""
    step = RecordedStep(counter.work, CPU, [counter.at] if compared else [])
    for expected in range(1, 8):
        step()
        assert counter.at.item() == expected
    assert counter.calls == WARM + 1 + compared
    assert isinstance(step.graph, Graph) and step.graph.replays == 7 - WARM + compared


def test_a_recording_that_replays_something_else_is_given_up(counter: Counter) -> None:
    """It is said, and the steps are the plain ones."""
    counter.drift = 0.5
    step = RecordedStep(counter.work, CPU, [counter.at])
    for _ in range(WARM):
        step()
    with pytest.warns(UserWarning, match=r"not recorded .*: its replay differs .*; it is called plainly"):
        step()
    for _ in range(4):
        step()
    assert counter.at.item() == WARM + 5


def test_what_cannot_be_recorded_is_called_plainly(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said once; memory that is not there is the caller's matter."""

    def refuse(error: type[Exception]) -> None:
        @contextmanager
        def record(graph: Graph, capture_error_mode: str) -> Iterator[None]:
            raise error("not permitted when stream is capturing")
            yield

        monkeypatch.setattr(torch.cuda, "graph", record)

    refuse(RuntimeError)
    step = RecordedStep(counter.work, CPU)
    with pytest.warns(UserWarning, match="not permitted") as said:
        assert [step().item() for _ in range(6)] == [1, 2, 3, 4, 5, 6]
    assert len(said) == 1
    refuse(torch.OutOfMemoryError)
    step = RecordedStep(counter.work, CPU)
    for _ in range(WARM):
        step()
    with pytest.raises(torch.OutOfMemoryError):
        step()


def test_two_calls_agree_by_what_they_changed() -> None:
    """A hundredth of the change is allowed, nothing where nothing changes."""
    before = torch.tensor([1.0, 5.0])
    assert agree(before, before + 0.1, before + 0.1005)
    assert not agree(before, before + 0.1, before + 0.11)
    endless = torch.tensor([1.0, torch.inf])
    assert agree(endless, endless + 0.1, endless + 0.1) and not agree(endless, before, endless)
    assert agree(before, before, before) and not agree(before, before + 1, before)


def test_an_adam_that_has_taken_steps_counts_on_where_it_is() -> None:
    """On the device of its parameters, as a graph needs it."""
    weight = torch.zeros(3, requires_grad=True)
    adam = torch.optim.Adam([weight])
    weight.sum().backward()
    adam.step()
    make_capturable(adam)
    assert adam.param_groups[0]["capturable"] is True
    assert adam.state[weight]["step"].item() == 1 and adam.state[weight]["step"].device == weight.device
