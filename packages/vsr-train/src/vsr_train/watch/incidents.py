"""Incidents: steps whose loss or gradient was not finite, noticed without waiting, and explained.

They are counted on the device and seen at the next row of the log. Their samples are a function of
the step, so they can be cut again: each is run alone to name the term, the module and the place
that is at fault, and set it aside.

Words: a step is *withheld* where the optimiser leaves out its update because the gradient was not
finite (`StepResult.withheld`; on MPS, whose kernel takes no flag, it never is). Checkpoints and
metrics.jsonl call the number of these `skipped`; a snapshot's `skipped` is the share that
GradScaler withheld. An *incident* is a step that is examined here; overflows that GradScaler meets
by design are withheld and are none. A checkpoint lists those not examined yet as `undone`.

Invariant: processes that train together set the same windows aside, at the same step.

Shape suffixes: B samples, T frames, C colour channels, H and W pixels.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from vsr_data import TrainingStream
from vsr_device import Platform, Processes
from vsr_losses import HybridLoss
from vsr_model.network import Network
from vsr_train.step import StepResult, loss_terms
from vsr_train.watch.order import towards_output

MOST_INCIDENTS = 10
"""Incidents that a run may have; one with more has more than a stray sample."""

MOST_EXAMINED = 3
"""Incidents of one row of the log that are examined; each costs about a step."""


class Incidents:
    """Counts steps that were not finite.

    Args:
        scaled: whether GradScaler is at work: then gradients overflow by design while it finds its
            scale, and only a loss that is not finite is an incident.
    """

    def __init__(self, *, scaled: bool) -> None:
        self._scaled = scaled
        self._flags: dict[int, Tensor] = {}
        self.unexamined: list[int] = []
        """Steps known not to be finite that are not examined yet."""
        self.total = 0

    @property
    def too_many(self) -> bool:
        """Whether there were more than a run may have."""
        return self.total > MOST_INCIDENTS

    def count(self, step: int, result: StepResult) -> None:
        """Keep whether a step, numbered from 1, was finite, on the device."""
        finite = result.terms.isfinite().all()
        if not self._scaled:
            finite = finite & result.grad_norm.isfinite()
        self._flags[step] = ~finite

    def settle(self, processes: Processes) -> None:
        """Wait for the device, and make what one process met known to all.

        In fp16 only the process that a sample was cut by knows that its loss was not finite.
        """
        steps = list(self._flags)
        flags = torch.stack(list(self._flags.values())).tolist() if steps else []
        self._flags.clear()
        own = {step for step, bad in zip(steps, flags, strict=True) if bad} | set(self.unexamined)
        self.unexamined = sorted(set().union(*processes.gather(own)))

    def take(self) -> list[int]:
        """Count what is settled and return it: the steps that were not finite."""
        found, self.unexamined = self.unexamined, []
        self.total += len(found)
        return found


@dataclass(frozen=True)
class Examined:
    """What was found in an incident."""

    step: int
    wrong: dict[int, str]
    """What is wrong with each sample at fault, by its place in the effective batch."""


def examine(
    steps: Sequence[int],
    stream: TrainingStream,
    network: Network,
    loss: HybridLoss,
    platform: Platform,
    *,
    processes: Processes,
) -> list[str]:
    """Run the samples of steps again, one by one; set those at fault aside, and say which.

    The processes share the samples and then know what all of them found, so that each sets the same
    windows aside. All of the steps are cut as they were, before any of them sets anything aside.

    Args:
        steps: the steps' numbers, from 1, since windows were last set aside.
        stream: what they were cut from.
        network: with the weights it has now.
        loss: what is minimised.
        platform: where to compute.
        processes: those that made the steps together.

    Raises:
        DataError: a file has been deleted or damaged.
    """
    share = range(processes.rank, stream.effective_batch, processes.world_size)
    own = []
    for step in steps:
        samples = ((i, stream.sample(step - 1, i)) for i in share)
        wrong = {i: _what_is_wrong(network, loss, platform, *each) for i, each in samples}
        own.append({i: what for i, what in wrong.items() if what is not None})
    everyone = processes.gather(own)
    found = [
        Examined(step, {i: what for theirs in everyone for i, what in theirs[number].items()})
        for number, step in enumerate(steps)
    ]
    lines = [line for each in found for line in _lines(each, stream)]
    stream.set_aside(
        [
            stream.window(each.step - 1, i)
            for each in found
            if not _is_everywhere(each, stream)
            for i in each.wrong
        ]
    )
    return lines


def _is_everywhere(examined: Examined, stream: TrainingStream) -> bool:
    """Tell a network or a loss that is at fault, with any sample, from samples that are."""
    return 1 < stream.effective_batch == len(examined.wrong)


def _lines(examined: Examined, stream: TrainingStream) -> Iterator[str]:
    step = examined.step
    head = f"step {step} was not finite:"
    if not examined.wrong:
        yield (
            f"{head} it is finite with the weights now; its first sample is "
            f"{stream.origin(step - 1, 0)}"
        )
    elif _is_everywhere(examined, stream):
        first = stream.origin(step - 1, 0)
        yield f"{head} {examined.wrong[0]} for every sample, {first} the first; none is set aside"
    else:
        for i, what in sorted(examined.wrong.items()):
            yield f"{head} {what} for {stream.origin(step - 1, i)}, which is set aside"


def _what_is_wrong(
    network: Network, loss: HybridLoss, platform: Platform, lq_TCHW: Tensor, gt_CHW: Tensor
) -> str | None:
    """Name the first module, else the terms, else the tensors' gradients that are not finite."""
    lq_1TCHW, gt_1CHW = (platform.to_unit(part[None]) for part in (lq_TCHW, gt_CHW))
    with torch.enable_grad(), _broken(network) as broken:
        terms = loss_terms(network, loss, platform, lq_1TCHW, gt_1CHW)
    if broken:
        return f"the output of {broken[0]} is not finite"
    names = [*(name for name, weight in loss.weights.items() if weight > 0), "plain"]
    if bad := [name for name in names if not getattr(terms, name).isfinite()]:
        return f"loss term {', '.join(bad)} is not finite"
    named = {name: p for name, p in towards_output(network).items() if p.requires_grad}
    gradients = torch.autograd.grad(
        terms.total, list(named.values()), allow_unused=True, materialize_grads=True
    )
    bad = [name for name, each in zip(named, gradients, strict=True) if not _finite(each)]
    return f"the gradient of {bad[-1]} is not finite" if bad else None


@contextmanager
def _broken(network: nn.Module) -> Iterator[list[str]]:
    """List the modules whose output is not finite, in the order they find it out."""
    broken: list[str] = []

    def note(name: str, _: nn.Module, __: Any, output: Tensor | tuple[Tensor | None, ...]) -> None:
        outputs = output if isinstance(output, tuple) else (output,)
        if not all(each is None or _finite(each) for each in outputs):
            broken.append(name)

    with ExitStack() as hooks:
        for name, module in network.named_modules():
            handle = module.register_forward_hook(partial(note, name or "the network"))
            hooks.callback(handle.remove)
        yield broken


def _finite(tensor: Tensor) -> bool:
    return bool(tensor.isfinite().all())
