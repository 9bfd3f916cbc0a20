"""What a run says before its first step: everything a person would check."""

from collections.abc import Iterator, Mapping, Sequence

from vsr_data import Footage
from vsr_train.report.about import About

MOST_NAMED = 10
"""Files of a kind that are listed by name: those that are not used, and those remarked on."""


def describe(
    about: About,
    weights: Mapping[str, float],
    footage: Sequence[Footage],
    notes: Sequence[str],
) -> Iterator[str]:
    """Yield the lines that open a run.

    Args:
        about: what it is.
        weights: the loss terms' weights by name.
        footage: what it learns from, and what it is measured on.
        notes: what else the user should know.
    """
    yield f"network     {about.network}, {about.parameters:,} parameters, {about.window}"
    yield f"device      {about.device}, {about.precision}, {about.memory_format}"
    yield f"preset      {about.card}"
    yield f"batch       {about.batch}"
    yield f"loss        {' · '.join(f'{name} {weight:g}' for name, weight in weights.items())}"
    if about.perceptual:
        yield f"perceptual  {about.perceptual}"
    yield f"training    {about.training}"
    yield f"validation  {about.validation}"
    yield f"input       {about.degradation}"
    for each in footage:
        rejected = [(one.path, one.reason) for one in each.rejected]
        yield from _listed("not used   ", rejected)
        yield from _listed("footage    ", each.remarks)
        yield from (f"footage     {note}" for note in each.notes)
    yield from (f"note        {note}" for note in notes)


def _listed(head: str, rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    for path, text in rows[:MOST_NAMED]:
        yield f"{head} {path}: {text}"
    if len(rows) > MOST_NAMED:
        yield f"{head} and {len(rows) - MOST_NAMED} more"
