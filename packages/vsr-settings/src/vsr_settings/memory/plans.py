"""The configurations that fit a card at its effective batch, fastest first."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from vsr_settings.card import card, effective_batch
from vsr_settings.fields import facts
from vsr_settings.memory.alternatives import batch_changes, changed
from vsr_settings.memory.fitting import (
    budget_mib,
    fits,
    least_recomputation,
    needed_mib,
    recomputing,
)
from vsr_settings.memory.flops import seconds_per_step, work_per_sample
from vsr_settings.precision import precision
from vsr_settings.schema import Settings
from vsr_settings.writing import toml_text

_CHOSEN = {
    "hardware.preset",
    "model.n_feats",
    "model.n_blocks",
    "model.n_frames",
    "model.scale",
    "model.recompute",
    "loss.perceptual_chunk",
    "data.patch",
    "train.batch_size",
    "train.accumulation_steps",
    "train.use_amp",
}
"""What a plan decides, or is made for."""


@dataclass(frozen=True)
class Candidate:
    """One way to train the network on the card."""

    settings: Settings
    needed_mib: int
    """Memory of a training step, predicted."""
    extra: float
    """Operations that recomputation adds, as a share."""
    seconds: float | None
    """Least time of an optimiser step; None where the card's rates are unknown."""

    @property
    def order(self) -> tuple[float, int, int]:
        """Fastest first; of equals the one with the fewest passes, then the smallest."""
        seconds = self.extra if self.seconds is None else self.seconds
        return round(seconds, 3), self.settings.train.accumulation_steps, self.needed_mib


def candidates(settings: Settings) -> list[Candidate]:
    """Every batch × accumulation of the same samples, in both precisions, that fits the card.

    Each with the least recomputation that fits; fastest first.

    Args:
        settings: Resolved settings; their batch, accumulation, precision and recomputation are what
            is looked for.
    """
    return sorted(_fitting(settings), key=lambda candidate: candidate.order)


def _fitting(settings: Settings) -> Iterator[Candidate]:
    samples = settings.train.batch_size * settings.train.accumulation_steps
    for batch in (size for size in range(1, samples + 1) if samples % size == 0):
        split = changed(settings, batch_changes(settings, batch, samples // batch))
        for use_amp in (True, False):
            other = recomputing(changed(split, {"train.use_amp": use_amp}), "auto")
            other = recomputing(other, least_recomputation(other))
            if fits(other):
                extra = work_per_sample(other).extra
                yield Candidate(other, needed_mib(other), extra, seconds_per_step(other))


def plan_page(settings: Settings, found: Sequence[Candidate]) -> str:
    """The candidates as a page of plain text."""
    model, budget = settings.model, budget_mib(settings)
    room = "memory is not budgeted" if budget is None else f"{budget} MiB for a training step"
    network = f"{model.n_feats} features × {model.n_blocks} blocks, ×{model.scale}"
    window = f"{model.n_frames} frames of {settings.data.patch} pixels"
    lines = [
        f"{network}; {window}; {effective_batch(settings)} samples a step",
        f"{card(settings.hardware).title}: {room}",
    ]
    if not found:
        return "\n".join([*lines, "nothing fits: choose a smaller patch or network"]) + "\n"
    lines += [
        "",
        "     batch × accumulation  precision  recompute   memory    extra  step, at least",
    ]
    lines += [_row(number, candidate) for number, candidate in enumerate(found, start=1)]
    lines += [
        "",
        "extra: operations that recomputation adds. step: a bound from the card's arithmetic and",
        "bandwidth that no implementation can beat, not a measurement.",
    ]
    return "\n".join(lines) + "\n"


def _row(number: int, candidate: Candidate) -> str:
    settings = candidate.settings
    train = settings.train
    seconds = "unknown" if candidate.seconds is None else f"{candidate.seconds:.2f} s"
    return (
        f"{number:>3}  {train.batch_size:>5} × {train.accumulation_steps:<12}  "
        f"{precision(settings):<9}  {settings.model.recompute:<9} {candidate.needed_mib:>6} MiB "
        f"{candidate.extra:>6.1%}  {seconds:>14}"
    )


def plan_toml(candidate: Candidate, written: Collection[str]) -> str:
    """A candidate as a settings file.

    Args:
        candidate: The one that was chosen.
        written: Paths of other settings that somebody wrote, and that go with it.
    """
    chosen = {
        path: fact.of(candidate.settings)
        for path, fact in facts().items()
        if path in _CHOSEN or path in written
    }
    return toml_text({path: value for path, value in chosen.items() if value is not None})
