"""Every law of a card has a twin at toy size on the CPU, so that no card meets a typo.

Nothing but pytest and what the packages need: a machine with a card may have no more.
"""

import pytest
import torch
from card.place import place_on

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


@pytest.fixture(scope="session")
def scratch(tmp_path_factory):
    """Where VGG16's file is made once."""
    return tmp_path_factory.mktemp("place")


def still():
    """A clock that stands still: laws are of values, bytes and waits, never of seconds."""
    return 0.0


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=[pytest.mark.cuda, needs_cuda])])
def place(request, scratch):
    """A card at full size, or the CPU at toy size; on a card, all of its memory again after."""
    found = place_on(request.param, scratch, None, still)
    found.give_back()
    yield found
    if found.is_card:
        torch.cuda.set_per_process_memory_fraction(1.0)
    found.give_back()
