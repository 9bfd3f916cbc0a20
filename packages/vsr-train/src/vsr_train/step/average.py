"""The moving average of the weights: what validation measures and `best` saves."""

import copy

import torch
from torch import Tensor

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
        self._updates = torch.zeros((), device=next(network.parameters()).device)

    @property
    def updates(self) -> int:
        """Updates so far; asking waits for the device."""
        return int(self._updates)

    @updates.setter
    def updates(self, number: int) -> None:
        self._updates.fill_(number)

    @torch.no_grad()
    def update(self, network: Network, withheld: Tensor | None = None) -> None:
        """Move the average towards the network's present weights.

        Args:
            network: the network it follows.
            withheld: 1 where the step changed nothing and does not count, else 0; on the device.
        """
        counts = torch.ones_like(self._updates) if withheld is None else 1 - withheld
        self._updates += counts
        share = counts * (10 / (self._updates + 10)).clamp(min=1 - self.decay)
        parameters = zip(self.network.parameters(), network.parameters(), strict=True)
        for average, parameter in parameters:
            average.lerp_(parameter, share.to(average.dtype))
