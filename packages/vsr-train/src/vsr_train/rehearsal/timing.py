"""How ways of computing are timed: a few real steps each, and a reason for each that cannot be."""

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import torch

from vsr_device import Platform
from vsr_losses import HybridLoss
from vsr_settings import Settings
from vsr_settings.memory import MIB, budget_mib, predict
from vsr_train.rehearsal.steps import steps_of
from vsr_train.rehearsal.way import Way

WARM_UP: Final = 1
"""Steps before those that are timed: cuDNN tries its kernels in the first."""
TIMED: Final = 3
HOPELESS: Final = 2.0
"""Times the fastest so far, from which on one timed step is enough."""
MICRO_BATCHES: Final = 2
"""The most in a timed step: a second one finds gradients in place, further ones nothing new."""

Trial = Callable[[Way, float | None], float]
"""Times a way: seconds of a step, given those of the fastest so far."""


@dataclass(frozen=True)
class Timing:
    """What trying a way found."""

    way: Way
    seconds: float | None
    """Of a step, the median; None where it cannot be used."""
    reason: str = ""
    """Why it cannot."""

    def __str__(self) -> str:
        return f"{self.way} {self.reason or f'{self.seconds:.3g} s'}"


def time_ways(settings: Settings, ways: Sequence[Way], trial: Trial) -> tuple[Timing, ...]:
    """Try every way that is predicted to fit; one that fails is a row with its reason."""
    timings: list[Timing] = []
    for way in ways:
        reason = _too_much(way.written_in(settings))
        if reason:
            timings.append(Timing(way, None, reason))
            continue
        best = fastest(timings)
        timings.append(_tried(way, None if best is None else best.seconds, trial))
        _give_back()
    return tuple(timings)


def fastest(timings: Sequence[Timing]) -> Timing | None:
    """Return the fastest that can be used, the earlier of two that are alike."""
    usable = [each for each in timings if each.seconds is not None]
    return min(usable, key=lambda each: each.seconds or 0.0, default=None)


def time_way(  # noqa: PLR0917 - the first three are bound by `card_of`
    settings: Settings,
    platform: Platform,
    loss: HybridLoss,
    way: Way,
    best: float | None,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Return the median seconds of a few steps, or of one that is hopeless.

    Args:
        settings: the run.
        platform: where to compute.
        loss: what is minimised; it is left in this way's memory format.
        way: how to compute.
        best: seconds of the fastest so far.
        clock: tells seconds.
    """
    most = min(MICRO_BATCHES, settings.train.accumulation_steps)
    train = settings.train.model_copy(update={"accumulation_steps": most})
    platform = way.on(platform)
    platform.place(loss)
    if platform.device.type == "cuda":
        torch.cuda.synchronize(platform.device)
    trial = settings.model_copy(update={"train": train})
    seconds: list[float] = []
    for number, taken in enumerate(steps_of(trial, platform, loss, clock=clock)):
        if number < WARM_UP:
            continue
        seconds.append(taken)
        if len(seconds) == TIMED or (best is not None and taken > HOPELESS * best):
            break
    return statistics.median(seconds)


def _tried(way: Way, best: float | None, trial: Trial) -> Timing:
    try:
        return Timing(way, trial(way, best))
    except torch.OutOfMemoryError:
        return Timing(way, None, "ran out of memory")
    except Exception as error:  # noqa: BLE001 - whatever it is, other ways may do
        first = (str(error).splitlines() or [""])[0]
        return Timing(way, None, f"failed: {type(error).__name__}: {first}"[:200])


def _too_much(settings: Settings) -> str:
    """Say why a way is not even tried; empty where it is."""
    budget, needed = budget_mib(settings), -(-predict(settings).reserved // MIB)
    if budget is None or settings.hardware.allow_over_budget or needed <= budget:
        return ""
    return f"needs {needed} MiB of {budget}"


def _give_back() -> None:
    """Return what a trial took to the card."""
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
