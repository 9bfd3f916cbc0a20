"""Steps whose loss or gradient was not finite: noticed without waiting, undone, and explained.

The optimiser withholds such a step on the device (`Stepper`); here it is counted there too, and
seen at the next row of the log. Its samples are a function of the step, so they can be cut again:
each is run alone to name the term, the module and the place that is at fault, and set it aside.

Shape suffixes: B samples, T frames, C colour channels, H and W pixels.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from vsr_data import TrainingStream
from vsr_device import Platform
from vsr_losses import HybridLoss, LossTerms
from vsr_model.network import Network
from vsr_train.step import StepResult

MOST_UNDONE = 10
"""Undone steps that a run may have; one with more has more than a stray sample."""

MOST_EXAMINED = 3
"""Steps of one row of the log that are examined; each costs about a step."""


class Incidents:
    """Counts steps that were not finite.

    Args:
        scaled: whether GradScaler is at work: then gradients overflow by design while it finds its
            scale, and only a loss that is not finite is an incident.
    """

    def __init__(self, *, scaled: bool) -> None:
        self._scaled = scaled
        self._flags: dict[int, Tensor] = {}
        self.total = 0

    @property
    def too_many(self) -> bool:
        """Whether there were more than a run may have."""
        return self.total > MOST_UNDONE

    def count(self, step: int, result: StepResult) -> None:
        """Keep whether a step, numbered from 1, was finite, on the device."""
        finite = result.terms.isfinite().all()
        if not self._scaled:
            finite = finite & result.grad_norm.isfinite()
        self._flags[step] = ~finite

    def fetch(self) -> list[int]:
        """Wait for the device; return the steps that were not finite since the last call."""
        if not self._flags:
            return []
        steps, flags = list(self._flags), torch.stack(list(self._flags.values())).tolist()
        self._flags.clear()
        found = [step for step, bad in zip(steps, flags, strict=True) if bad]
        self.total += len(found)
        return found


def examine(
    step: int, stream: TrainingStream, network: Network, loss: HybridLoss, platform: Platform
) -> str:
    """Run the samples of a step again, one by one; set the one at fault aside and say which it is.

    Args:
        step: the step's number, from 1.
        stream: what it was cut from.
        network: with the weights it has now.
        loss: what is minimised.
        platform: where to compute.

    Raises:
        DataError: a file has been deleted or damaged.
    """
    for index in range(stream.effective_batch):
        lq, gt = (platform.to_unit(part[None]) for part in stream.sample(step - 1, index))
        if wrong := _what_is_wrong(network, loss, platform, lq, gt):
            origin = stream.origin(step - 1, index)
            stream.set_aside(step - 1, index)
            return f"step {step} undone: {wrong} for {origin}, which is set aside"
    return (
        f"step {step} undone: not finite then, finite with the weights now; its first sample is "
        f"{stream.origin(step - 1, 0)}"
    )


def _what_is_wrong(
    network: Network, loss: HybridLoss, platform: Platform, lq_1TCHW: Tensor, gt_1CHW: Tensor
) -> str | None:
    """Name the first module, else the terms, else the tensors' gradients that are not finite."""
    with torch.enable_grad(), platform.autocast(), _broken(network) as broken:
        sr_1CHW = network(lq_1TCHW)
    if broken:
        return f"the output of {broken[0]} is not finite"
    terms: LossTerms = loss(sr_1CHW, gt_1CHW)
    names = [name for name, weight in loss.weights.items() if weight > 0]
    if bad := [name for name in names if not getattr(terms, name).isfinite()]:
        return f"loss term {', '.join(bad)} is not finite"
    named = {name: p for name, p in network.named_parameters() if p.requires_grad}
    gradients = torch.autograd.grad(
        terms.total, list(named.values()), allow_unused=True, materialize_grads=True
    )
    bad = [name for name, each in zip(named, gradients, strict=True) if not _finite(each)]
    return f"the gradient of {bad[-1]} is not finite" if bad else None


@contextmanager
def _broken(network: nn.Module) -> Iterator[list[str]]:
    """List the modules whose output is not finite, in the order they find it out."""
    broken: list[str] = []

    def note(name: str, _: nn.Module, __: Any, output: Tensor) -> None:
        if not _finite(output):
            broken.append(name)

    with ExitStack() as hooks:
        for name, module in network.named_modules():
            handle = module.register_forward_hook(partial(note, name or "the network"))
            hooks.callback(handle.remove)
        yield broken


def _finite(tensor: Tensor) -> bool:
    return bool(tensor.isfinite().all())
