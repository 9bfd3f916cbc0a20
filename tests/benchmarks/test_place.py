"""What is counted on a card, and what may be held there, with a stand-in for CUDA's allocator."""

from contextlib import suppress
from types import SimpleNamespace

import pytest
import torch
from benchmarks.clocks import Clock
from card.place import FULL, Place


class Allocator:
    """Answers as `torch.cuda` does, in bytes."""

    def __init__(self):
        self.held = self.peak = 0
        self.fractions = []

    def hold(self, size):
        self.held = size
        self.peak = max(self.peak, size)

    def reset_peak_memory_stats(self, _):
        self.peak = self.held

    def max_memory_reserved(self, _):
        return self.peak

    max_memory_allocated = max_memory_reserved

    def empty_cache(self):
        self.held = 0

    def synchronize(self, _):
        pass

    def get_device_properties(self, _):
        return SimpleNamespace(total_memory=80 << 30)

    def set_per_process_memory_fraction(self, fraction, _):
        self.fractions.append(fraction)


@pytest.fixture
def allocator(monkeypatch):
    found = Allocator()
    for name in vars(Allocator):
        if not name.startswith("_") and hasattr(torch.cuda, name):
            monkeypatch.setattr(torch.cuda, name, getattr(found, name))
    return found


@pytest.fixture
def place(allocator, tmp_path):
    return Place(torch.device("cuda", 0), FULL, tmp_path, None, Clock(), "h100")


def test_what_cudnn_tries_its_kernels_in_is_told_apart_from_the_peak(allocator, place):
    allocator.hold(99)
    with place.taken() as taken:
        allocator.hold(50)
        allocator.hold(2)
        taken.settle()
        allocator.hold(7)
        allocator.hold(4)
    assert (taken.tried, taken.reserved) == (50, 7)
    assert taken.as_row()["tried_mib"] == 50 / (1 << 20)


def test_a_peak_is_counted_however_the_work_ends(allocator, place):
    def fail():
        allocator.hold(50)
        raise RuntimeError

    with suppress(RuntimeError), place.taken() as taken:
        fail()
    assert taken.reserved == 50
    assert "tried_mib" not in taken.as_row()


def test_a_limit_holds_before_anything_is_taken_and_not_after(allocator, place):
    def fail():
        assert allocator.fractions == [pytest.approx(0.1)]
        raise RuntimeError

    with pytest.raises(RuntimeError), place.limited(8 << 10):
        fail()
    assert allocator.fractions[-1] == 1.0
