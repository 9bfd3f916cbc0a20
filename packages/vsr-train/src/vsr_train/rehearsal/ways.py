"""Which precision and memory format a run trains in: timed on its card, not guessed.

What settings leave open is decided once: a run that goes on stays with what it began with, whatever
would be faster today, and what was timed is remembered for the next run like it.
"""

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, get_args

import torch

from vsr_device import (
    AMP_DTYPES,
    MEMORY_FORMATS,
    Platform,
    card_facts,
    native_precisions,
)
from vsr_files import expanded
from vsr_losses import HybridLoss
from vsr_settings import MemoryFormat, Precision, Settings
from vsr_settings.memory import MIB, budget_mib, predict
from vsr_train.rehearsal.remembered import recall, remember
from vsr_train.rehearsal.steps import steps_of

WARM_UP: Final = 1
"""Steps before those that are timed: cuDNN tries its kernels in the first."""
TIMED: Final = 3
HOPELESS: Final = 2.0
"""Times the fastest so far, from which on one timed step is enough."""
MICRO_BATCHES: Final = 2
"""The most in a timed step: a second one finds gradients in place, further ones nothing new."""

Trial = Callable[["Way", float | None], float]
"""Times a way: seconds of a step, given those of the fastest so far."""


@dataclass(frozen=True)
class Way:
    """A precision, and an order of tensors in memory."""

    precision: Precision
    memory_format: MemoryFormat

    def __str__(self) -> str:
        return f"{self.precision} {self.memory_format.replace('_', ' ')}"

    @classmethod
    def of(cls, platform: Platform) -> "Way":
        """Return the way of a platform."""
        formats = {order: name for name, order in MEMORY_FORMATS.items()}
        return cls(platform.precision, formats[platform.memory_format])

    @classmethod
    def from_text(cls, stored: Mapping[str, Any]) -> "Way | None":
        """Return what `asdict` stored; None where it is no way."""
        precision: Any = stored.get("precision")
        order: Any = stored.get("memory_format")
        if precision in get_args(Precision) and order in get_args(MemoryFormat):
            return cls(precision, order)
        return None

    def on(self, platform: Platform) -> Platform:
        """Return the platform with this way of computing."""
        return replace(
            platform,
            amp_dtype=AMP_DTYPES[self.precision],
            memory_format=MEMORY_FORMATS[self.memory_format],
        )

    def written_in(self, settings: Settings) -> Settings:
        """Return the settings as they would be with this way written out."""
        amp: dict[str, Any] = {"use_amp": self.precision != "fp32"}
        if self.precision != "fp32":
            amp["amp_dtype"] = self.precision
        order = {"memory_format": self.memory_format}
        return settings.model_copy(
            update={
                "train": settings.train.model_copy(update=amp),
                "hardware": settings.hardware.model_copy(update=order),
            }
        )


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


@dataclass(frozen=True)
class Choice:
    """The way that a run trains in, and how it was come by."""

    way: Way
    timings: tuple[Timing, ...] = ()
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return what there is to store beside the rehearsal, plain."""
        return {"way": asdict(self.way), "ways": [asdict(each) for each in self.timings]}


@dataclass(frozen=True)
class Card:
    """What timings on a card need and depend on; tests have a stand-in."""

    facts: Mapping[str, Any]
    """What tells this card and its libraries from others, plain."""
    precisions: tuple[Precision, ...]
    """What it computes in hardware."""
    trial: Trial


def card_of(settings: Settings, platform: Platform, loss: HybridLoss) -> Card | None:
    """Return the card of a platform; None where there is none, and nothing is timed."""
    if platform.device.type != "cuda":
        return None
    facts = card_facts(platform.device)
    known = {
        name: getattr(facts, name) for name in ("name", "capability", "total_mib", "cudnn", "torch")
    }
    trial = partial(time_way, settings, platform, loss)
    return Card(known, native_precisions(platform.device), trial)


def choose_way(
    settings: Settings,
    untimed: Way,
    card: Card | None,
    *,
    recorded: Way | None = None,
    goes_on: bool = False,
) -> Choice:
    """Choose how a run trains.

    Args:
        settings: the run.
        untimed: the way that settings and preset alone come to.
        card: what may be timed; None times nothing.
        recorded: the way of the run that goes on, as its checkpoint has it.
        goes_on: whether a run goes on; one that has nothing recorded went the untimed way.
    """
    ways = open_ways(settings, untimed, card)
    if card is None or len(ways) == 1:
        return Choice(untimed)
    if recorded is not None and recorded in ways:
        return Choice(recorded, notes=(f"goes on in {recorded}, as it began",))
    if goes_on or settings.train.deterministic:
        return Choice(untimed)
    folder, key = expanded(settings.data.cache_dir), _key(settings, ways, card)
    timings = _recalled(folder, key, ways)
    again = " (timed before, on this card and with such settings)" if timings else ""
    if not timings:
        timings = time_ways(settings, ways, card.trial)
        if any(each.seconds is not None for each in timings):
            remember(folder, key, [asdict(each) for each in timings])
    best = fastest(timings)
    if best is None:
        tried = "; ".join(map(str, timings))
        return Choice(untimed, timings, (f"no way of computing could be timed ({tried})",))
    return Choice(best.way, timings, (_told(best, timings, settings) + again,))


def open_ways(settings: Settings, untimed: Way, card: Card | None) -> tuple[Way, ...]:
    """Return the ways that settings leave open on a card, the untimed one first.

    `train.amp_dtype = "auto"` with `train.use_amp` leaves the precision open, and the memory format
    too where `hardware.memory_format` is left out.
    """
    if card is None or not settings.train.use_amp or settings.train.amp_dtype != "auto":
        return (untimed,)
    written = settings.hardware.memory_format
    formats: Sequence[MemoryFormat] = get_args(MemoryFormat) if written is None else (written,)
    ways = [Way(precision, order) for precision in card.precisions for order in formats]
    return (untimed, *(way for way in ways if way != untimed))


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


def _key(settings: Settings, ways: Sequence[Way], card: Card) -> dict[str, Any]:
    """Return all that timings depend on, plain."""
    loss = settings.loss
    weights = ("l1", "ms", "grad", "perceptual")
    return {
        "card": dict(card.facts),
        "ways": [asdict(way) for way in ways],
        "model": settings.model.model_dump(mode="json"),
        "terms": [name for name in weights if getattr(loss, f"{name}_weight") > 0],
        "chunk": loss.perceptual_chunk,
        "patch": settings.data.patch,
        "batch": settings.train.batch_size,
        "micro_batches": min(MICRO_BATCHES, settings.train.accumulation_steps),
        "budget_mib": None if settings.hardware.allow_over_budget else budget_mib(settings),
    }


def _recalled(folder: Path, key: Mapping[str, Any], ways: Sequence[Way]) -> tuple[Timing, ...]:
    """Return what was timed before; nothing where that is not about just these ways."""
    timings: list[Timing] = []
    for row in recall(folder, key):
        way = Way.from_text(row["way"])
        seconds, reason = row["seconds"], row["reason"]
        if way is None or (seconds is None) != bool(reason):
            return ()
        timings.append(Timing(way, seconds, reason))
    if [each.way for each in timings] != list(ways) or fastest(timings) is None:
        return ()
    return tuple(timings)


def _told(best: Timing, timings: Sequence[Timing], settings: Settings) -> str:
    """Say what is taken, by how much it wins, and what became of the others."""
    others = [each for each in timings if each is not best]
    second = fastest(others)
    seconds = best.seconds or 0.0
    gain = ""
    if second is not None and seconds > 0:
        gain = f", {(second.seconds or 0.0) / seconds:.2f} times as fast as {second.way}"
    parts = min(MICRO_BATCHES, settings.train.accumulation_steps)
    of = f"a step of {parts} micro-batch{'es' * (parts > 1)}"
    return f"takes {best.way}, {seconds:.3g} s {of}{gain}; tried: " + " · ".join(map(str, others))
