"""Training states without training: as many steps as asked for, on gradients made up."""

import torch

from vsr_device import choose_platform
from vsr_train.step import TrainingState

FOOTAGE = {"training": "a" * 64, "validation": "b" * 64}


def state_after(settings, steps, *, seed=0):
    """A state whose every entry differs from a fresh one's."""
    state = TrainingState.fresh(settings, choose_platform(settings))
    state.footage = dict(FOOTAGE)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        for parameter in state.network.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        state.optimizer.step()
        state.average.update(state.network)
        state.step += 1
    return state


def assert_equal(one, other):
    """Bit for bit, through every nested container."""
    assert type(one) is type(other) or isinstance(one, dict)  # torch's own are ordered ones
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_equal(one[key], other[key])
    elif isinstance(one, list):
        for a, b in zip(one, other, strict=True):
            assert_equal(a, b)
    else:
        assert one == other
