"""A run's figures for TensorBoard, under names that stay (`tags`).

Every step is there once, whatever killed the run or went back, and what is no finite number is left
out. Pictures and histograms are made at most some 20 times in a run.
"""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from torch import nn

from vsr_files import printable
from vsr_settings import Settings, effective_batch, to_toml
from vsr_settings.section import Section
from vsr_train.report.about import About
from vsr_train.report.board.event_files import EventFile
from vsr_train.report.board.tags import CHARTS, CURVES, watch_figures
from vsr_train.report.board.values import (
    charts,
    histogram,
    hyper_parameters,
    picture,
    scalar,
    text,
)
from vsr_train.report.markdown import code, code_block, escaped, table
from vsr_train.watch import Snapshot

MOST_OFTEN: Final = 20
"""Parts of a run in each of which pictures and histograms are made once, at its first validation;
the last validation has them too."""

LARGE: Final = 512
"""Weights of a tensor, from which on it has a histogram."""

BEST: Final = ("psnr", "psnr_y", "ssim", "gain_bicubic_db", "temporal_db", "sharpness")


class Board:
    """TensorBoard's files of a run; one that goes on continues its curves.

    Args:
        folder: where they go.
        settings: the run.
        about: what it is.
        start_step: the step that the run starts or resumes at.

    Raises:
        OSError: if the disk refuses.
    """

    def __init__(self, folder: Path, settings: Settings, about: About, start_step: int) -> None:
        self._settings = settings
        self._about = about
        self._file = EventFile(folder, start_step)
        self._watched = start_step
        # As of the first step that is made so, which no earlier process has made.
        self._file.add(
            start_step + 1,
            [
                text("settings", code_block(to_toml(settings), "toml")),
                text("about", _about_table(about)),
                text("curves", _curves_table()),
                charts(CHARTS),
            ],
        )

    def plot(self, figures: Mapping[str, float | None], step: int) -> None:
        """Add a point to the curve of each figure, by tag."""
        made = [
            scalar(tag, value)
            for tag, value in figures.items()
            if value is not None and math.isfinite(value)
        ]
        self._file.add(step, made)

    def plot_memory(self, peak_mib: int | None, step: int) -> None:
        """Add what was taken so far, beside what was predicted and what there is."""
        figures = {
            "peak_mib": peak_mib,
            "predicted_mib": self._about.predicted_total_mib,
            "budget_mib": self._about.budget_mib,
        }
        self.plot({f"memory/{name}": each for name, each in figures.items()}, step)

    def plot_watch(self, snapshots: Iterable[Snapshot]) -> None:
        """Add the snapshots that are new."""
        for snapshot in snapshots:
            if snapshot.step > self._watched:
                self.plot(watch_figures(snapshot), snapshot.step)
                self._watched = snapshot.step

    def add_verdict(self, step: int, verdict: str, why: str) -> None:
        """Add a verdict as text."""
        self._file.add(step, [text("verdict", f"**{escaped(verdict)}**: {escaped(why)}")])

    def add_pictures(self, step: int, sheets: Mapping[str, Path]) -> None:
        """Add the sheets of a validation, by clip, where it is time for it.

        Raises:
            OSError: if one cannot be read, or the disk refuses.
        """
        if self.is_time_for_more(step):
            made = [picture(f"pictures/{printable(clip)}", path) for clip, path in sheets.items()]
            self._file.add(step, made)

    def add_weights(self, step: int, network: nn.Module) -> None:
        """Add histograms of a network's larger weights, where it is time for it."""
        if self.is_time_for_more(step):
            made = [
                histogram(f"weights/{name}", each)
                for name, each in network.named_parameters()
                if each.numel() >= LARGE and bool(each.isfinite().all())
            ]
            self._file.add(step, made)

    def sum_up(self, step: int, best: Mapping[str, float]) -> None:
        """Add the run's hyper-parameters with the figures of its best validation, at its end."""
        reached = {f"validation_best/{name}": best[name] for name in BEST if name in best}
        self._file.add(step, hyper_parameters(_chosen(self._settings, self._about), reached))

    def close(self) -> None:
        """Write nothing more."""
        self._file.close()

    def is_time_for_more(self, step: int) -> bool:
        """Whether a validation is the first of its part of the run, or the last of all.

        By its step alone, so that a run that goes on has what it would have had.
        """
        train = self._settings.train
        before = (step - 1) // train.val_every * train.val_every
        return step == train.max_steps or self._part(step) != self._part(before)

    def _part(self, step: int) -> int:
        return -(-step * MOST_OFTEN // self._settings.train.max_steps)


def _curves_table() -> str:
    rows = [(code(tag), escaped(what)) for tag, what in CURVES.items()]
    return table(("curve", "what it is"), rows)


def _about_table(about: About) -> str:
    rows = [
        (escaped(name), escaped(_told(value)))
        for name, value in about.as_dict().items()
        if value not in ("", None, {})
    ]
    return table(rows[0], rows[1:])


def _told(value: object) -> str:
    if isinstance(value, Mapping):
        return " · ".join(f"{name} {each}" for name, each in value.items())
    return str(value)


def _chosen(settings: Settings, about: About) -> dict[str, float | str]:
    """Return what runs are compared by: settings that make a network what it is."""
    found: dict[str, float | str] = {
        "effective_batch": effective_batch(settings),
        "degradation": about.degradation,
        "precision": about.precision,
    }
    sections: dict[str, Section] = {"model": settings.model, "loss": settings.loss}
    sections["train"] = settings.train
    for section, values in sections.items():
        for name, value in values:
            if isinstance(value, bool):
                found[f"{section}.{name}"] = "true" if value else "false"
            elif isinstance(value, int | float | str) and name not in _SAYS_NOTHING:
                found[f"{section}.{name}"] = value
    return found


_SAYS_NOTHING: Final = {
    "recompute", "perceptual_weights", "perceptual_sha256", "perceptual_chunk", "watch_every",
    "on_stagnation", "world_size", "batch_size", "accumulation_steps", "max_hours", "amp_dtype",
    "val_every", "save_every", "save_minutes", "log_every", "keep_checkpoints", "keep_every",
}  # fmt: skip
"""Settings that change where, when and how a run computes, not what comes of it."""
