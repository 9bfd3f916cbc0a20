"""Real steps on random pixels, with a network of their own: what is rehearsed."""

import time
from collections.abc import Callable, Iterator
from itertools import islice

import torch

from vsr_device import Platform, Processes
from vsr_losses import HybridLoss
from vsr_settings import Settings
from vsr_train.step import MicroBatch, Stepper, TrainingState

STEPS = 2
"""The second has the optimiser's state and all gradients in place from its start."""


def make_steps(
    settings: Settings,
    platform: Platform,
    loss: HybridLoss,
    processes: Processes = Processes(),  # noqa: B008 - frozen
) -> float:
    """Make the steps with a network of their own; return the seconds of the last."""
    return list(islice(steps_of(settings, platform, loss, processes), STEPS))[-1]


def steps_of(
    settings: Settings,
    platform: Platform,
    loss: HybridLoss,
    processes: Processes = Processes(),  # noqa: B008 - frozen
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[float]:
    """Make one step after the other for whoever asks; yield the seconds of each.

    It seeds the random numbers as the run does, which does so again when it begins.
    """
    state = TrainingState.fresh(settings, platform)
    stepper = Stepper(
        processes.wrap(state.network, platform, alone=True),
        loss,
        state.optimizer,
        state.scaler,
        platform,
        grad_clip=settings.train.grad_clip,
    )
    batches = [_random_batch(settings)] * settings.train.accumulation_steps
    while True:
        started = clock()
        result = stepper.step(batches, settings.train.max_lr)
        state.count(result)
        result.terms.tolist()  # waits for the device
        yield clock() - started


def _random_batch(settings: Settings) -> MicroBatch:
    model, side = settings.model, settings.data.patch
    samples, large = settings.train.batch_size, side * model.scale
    lq_BTCHW = torch.randint(0, 256, (samples, model.n_frames, 3, side, side), dtype=torch.uint8)
    gt_BCHW = torch.randint(0, 256, (samples, 3, large, large), dtype=torch.uint8)
    return lq_BTCHW, gt_BCHW
