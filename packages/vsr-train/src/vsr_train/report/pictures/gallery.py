"""The pictures of a run in its folder: which there are, which of them stay, and the animation."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Final

from vsr_train.folder import ANIMATION, sheet_ending, sheets_by_step
from vsr_train.report.naming import file_name
from vsr_train.report.pictures.animation import write_animation
from vsr_train.report.pictures.comparison import write_comparison
from vsr_train.validation import Comparison

MOST_STEPS: Final = 32
"""Validations whose sheets stay, the first, the best and the last among them."""


def write_pictures(
    folder: Path, step: int, comparisons: Sequence[Comparison], best_step: int | None
) -> None:
    """Write the sheets of a validation, and how the first of them came about over the run.

    Args:
        folder: where pictures are; made where it is missing.
        step: of the validation.
        comparisons: what to show.
        best_step: of the best validation so far.

    Raises:
        OSError: if the disk refuses.
    """
    for comparison in comparisons:
        write_comparison(comparison, step, sheet_path(folder, comparison.name, step))
    if not comparisons:
        return
    sheets = sheets_by_step(folder)
    for gone in sheets.keys() - kept(sheets, {best_step, step}):
        for path in sheets.pop(gone):
            path.unlink(missing_ok=True)
    shown = (
        sheet_path(folder, comparisons[0].name, each) for each in sorted(sheets) if each <= step
    )
    write_animation([path for path in shown if path.is_file()], folder / ANIMATION)


def kept(steps: Iterable[int], always: Collection[int | None]) -> set[int]:
    """Return the steps that stay: the first, the last, some in any case, and evenly spaced ones.

    Of too many, those go that lie closest between their neighbours: however often this is asked
    as a run goes on, what stays is spread over all of it.
    """
    stays = sorted(steps)
    while len(stays) > MOST_STEPS:
        inner = [at for at in range(1, len(stays) - 1) if stays[at] not in always]
        del stays[min(inner, key=lambda at: stays[at + 1] - stays[at - 1])]
    return set(stays)


def sheet_path(folder: Path, clip: str, step: int) -> Path:
    """Return where a clip's sheet of a validation is."""
    return folder / file_name(clip, sheet_ending(step))
