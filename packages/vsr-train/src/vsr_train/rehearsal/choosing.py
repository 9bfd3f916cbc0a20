"""Which precision and memory format a run trains in: timed on its card, not guessed.

What settings leave open is decided once: a run that goes on stays with what it began with, whatever
would be faster today, and what was timed is remembered for the next run like it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, get_args

from vsr_device import Platform, card_facts, native_precisions
from vsr_files import expanded
from vsr_losses import HybridLoss
from vsr_settings import MemoryFormat, Precision, Settings
from vsr_settings.memory import budget_mib
from vsr_train.rehearsal.remembered import recall, remember
from vsr_train.rehearsal.timing import MICRO_BATCHES, Timing, Trial, fastest, time_way, time_ways
from vsr_train.rehearsal.way import Way


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
