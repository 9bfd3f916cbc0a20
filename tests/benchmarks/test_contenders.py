"""What is timed is what its name says, and lives as long as it is timed."""

import gc
import threading
import weakref
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch
from benchmarks.clocks import Clock
from card import contenders
from card.place import TOY, Place


class AsACard(Place):
    """A CPU that is taken for a card."""

    is_card = True


@pytest.fixture
def model():
    return next(iter(TOY.networks.values()))


@pytest.fixture
def place(tmp_path):
    return Place(torch.device("cpu"), TOY, tmp_path, None, Clock(), "cpu")


@pytest.fixture
def graphs(monkeypatch):
    """CUDA graphs that record nothing; they count their replays."""
    replays = []
    stream = SimpleNamespace(wait_stream=lambda _: None)
    stand_in = {
        "current_stream": lambda: stream,
        "Stream": lambda: stream,
        "stream": lambda _: nullcontext(),
        "CUDAGraph": lambda: SimpleNamespace(replay=lambda: replays.append(1)),
        "graph": lambda _: nullcontext(),
    }
    for name, value in stand_in.items():
        monkeypatch.setattr(torch.cuda, name, value)
    return replays


def test_a_graph_keeps_alive_what_it_reads(tmp_path, model, graphs, monkeypatch):
    made = []

    class Run(contenders.MadeRun):
        def __init__(self, *args, **given):
            super().__init__(*args, **given)
            made.append(weakref.ref(self.state.network))

    monkeypatch.setattr(contenders, "MadeRun", Run)
    place = AsACard(torch.device("cpu"), TOY, tmp_path, None, Clock(), "cpu")
    step = contenders._graphed(place, model, "fp32")
    gc.collect()
    step()
    assert graphs == [1]
    (network,) = made
    assert network() is not None
    del step
    gc.collect()
    assert network() is None


def test_without_benchmark_a_step_is_made_where_nothing_was_tried(place, model, monkeypatch):
    """Neither the way forward nor the way back sees what another thread has tried."""
    seen = []
    times = contenders.contenders(place, model, "fp32")
    before = torch.backends.cudnn.benchmark
    step = times["without cudnn.benchmark"][1]()
    backward = torch.Tensor.backward

    def noted(self, *args, **given):
        self.register_hook(lambda _: seen.append(("back", threading.get_ident())))
        seen.append((torch.backends.cudnn.benchmark, threading.get_ident()))
        return backward(self, *args, **given)

    monkeypatch.setattr(torch.Tensor, "backward", noted)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    step()
    (flag, forward_thread), (_, backward_thread) = seen
    assert flag is False
    assert forward_thread == backward_thread != threading.get_ident()
    assert torch.backends.cudnn.benchmark is True
    monkeypatch.undo()
    assert torch.backends.cudnn.benchmark is before


def test_what_every_contender_is_compared_with_is_timed_too(place, model):
    for precision in TOY.precisions:
        for its in (
            contenders.contenders(place, model, precision),
            contenders.graphs(place, model, precision),
            contenders.compilers(place, model, precision, None),
        ):
            assert {against for against, _ in its.values()} <= its.keys()
