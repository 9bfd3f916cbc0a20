"""Real steps on random pixels, with a network of their own: what is rehearsed."""

import time
from collections.abc import Callable, Iterator

import torch

from vsr_device import Platform, Processes
from vsr_losses import HybridLoss
from vsr_settings import Settings
from vsr_train.step import MicroBatch, Stepper, TrainingState


def make_steps(
    settings: Settings,
    platform: Platform,
    loss: HybridLoss,
    processes: Processes = Processes(),  # noqa: B008 - frozen
    *,
    between: Callable[[], None] = lambda: None,
) -> float:
    """Make two steps with a network of their own; return the seconds of the second.

    Random numbers go on after as if none had been drawn.

    Args:
        settings: the run.
        platform: where to compute.
        loss: what is minimised.
        processes: those that average gradients.
        between: called after the first step, in which cuDNN tries its kernels and the optimiser
            makes its state.
    """
    devices = [platform.device] if platform.device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        steps = steps_of(settings, platform, loss, processes)
        next(steps)
        between()
        return next(steps)


def steps_of(
    settings: Settings,
    platform: Platform,
    loss: HybridLoss,
    processes: Processes = Processes(),  # noqa: B008 - frozen
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[float]:
    """Make one step after the other for whoever asks; yield the seconds of each.

    It seeds the random numbers as the run does.
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
