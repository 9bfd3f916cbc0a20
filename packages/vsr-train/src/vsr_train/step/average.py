"""The moving average of the weights: what validation measures and `best` saves."""

import copy

import torch

from vsr_model import Network


class WeightAverage:
    """Exponential moving average of a network's parameters, kept beside it.

    Early on it follows faster than `decay` says, so that it does not remember the start.
    torch's own AveragedModel counts on the device, which would cost a synchronisation a step.

    Args:
        network: the network to follow.
        decay: share of the average that an update keeps, in [0, 1).
    """

    def __init__(self, network: Network, decay: float) -> None:
        self.network = copy.deepcopy(network).requires_grad_(requires_grad=False).eval()
        self.decay = decay
        self.updates = 0

    @torch.no_grad()
    def update(self, network: Network) -> None:
        """Move the average towards the network's present weights."""
        self.updates += 1
        kept = min(self.decay, self.updates / (self.updates + 10))
        torch._foreach_lerp_(  # as torch's own optimisers do
            list(self.network.parameters()), list(network.parameters()), 1 - kept
        )
