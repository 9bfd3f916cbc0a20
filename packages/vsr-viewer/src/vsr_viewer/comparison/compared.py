"""Runs that are compared: each with a name of its own and a curve that is told from the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vsr_viewer.pictures import Shelf
from vsr_viewer.record import Record

MOST: Final = 24
"""Runs of a page; of more, those whose rows are the latest."""

COLOURS, DASHES = 6, 3
"""How many of each the page's style has; a colour comes again with other dashes."""


@dataclass(frozen=True)
class Compared:
    """A run beside others."""

    record: Record
    shelf: Shelf
    label: str
    """Its name, with more of its path where others have the same."""
    style: str
    """Class of its curves."""

    def best(self, figure: str) -> float | None:
        """Return a figure of the best validation."""
        place = self.record.best_place
        return None if place is None else self.record.log.validation[figure][place]

    def last(self, figure: str) -> float | None:
        """Return a figure of the last validation."""
        rows = self.record.log.validation
        return rows[figure][-1] if rows.steps else None


def compare(records: Sequence[tuple[Record, Shelf]]) -> tuple[list[Compared], int]:
    """Put runs beside one another; return them and how many were left out."""
    chosen = list(records)
    if len(records) > MOST:
        latest = sorted(records, key=lambda each: -(each[0].log.last_time or 0.0))[:MOST]
        kept = {id(each) for each in latest}
        chosen = [each for each in records if id(each) in kept]
    labels = _labels([record.root for record, _ in chosen])
    compared = [
        Compared(record, shelf, labels[record.root], style(place))
        for place, (record, shelf) in enumerate(chosen)
    ]
    return compared, len(records) - len(chosen)


def style(place: int) -> str:
    """Return the class of the curves of a run."""
    return f"s{place % COLOURS} d{place // COLOURS % DASHES}"


def _labels(roots: Sequence[Path]) -> Mapping[Path, str]:
    """Return for each folder as much of its end as tells it from the others."""
    found = {}
    for root in roots:
        others = [other for other in roots if other != root]
        parts = 1
        while parts < len(root.parts) and any(
            other.parts[-parts:] == root.parts[-parts:] for other in others
        ):
            parts += 1
        found[root] = "/".join(root.parts[-parts:])
    return found
