"""The folder of a run: what is in it, and that no run writes over another unasked.

settings.toml · about.json · metrics.jsonl · tensorboard/ · pictures/ · report.html ·
checkpoints/ · best.safetensors and its README.md · last.safetensors, where it was asked for ·
rehearsal.json, where there is a card · diagnosis.md and .json, where the watch had reason to ·
retired/, where somebody went back
"""

import json
import math
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from vsr_files import (
    append,
    expanded,
    make_folder,
    remove_partials,
    replacing,
    sync,
    sync_folder,
)
from vsr_model import Network, save_weights
from vsr_settings import Settings, to_toml
from vsr_train.errors import RunError
from vsr_train.folder.sheets import sheets_by_step
from vsr_train.folder.signed import is_untouched


class RunFolder:
    """Paths of a run, and its log.

    Args:
        path: the folder; made when the run opens.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.settings = path / "settings.toml"
        self.metrics = path / "metrics.jsonl"
        self.tensorboard = path / "tensorboard"
        self.pictures = path / "pictures"
        self.checkpoints = path / "checkpoints"
        self.retired = path / "retired"
        self.about = path / "about.json"
        self.page = path / "report.html"
        self.best = path / "best.safetensors"
        self.last = path / "last.safetensors"
        self.model_card = path / "README.md"
        self.diagnosis = path / "diagnosis.md"
        self.rehearsal = path / "rehearsal.json"
        self.lock = path / ".lock"

    @classmethod
    def of(cls, settings: Settings) -> "RunFolder":
        """Return the folder that `[run]` names."""
        return cls(expanded(settings.run.dir) / settings.run.name)

    @property
    def holds_a_run(self) -> bool:
        """Whether a run has started here."""
        return self.settings.exists() or self.metrics.exists() or self.checkpoints.exists()

    def require_writable(self) -> None:
        """Refuse a place that cannot be written; writes nothing.

        Raises:
            RunError: if the folder, or the nearest one above it that is there, is not writable.
        """
        place = self.path.absolute()
        try:
            while not place.exists() and place != place.parent:
                place = place.parent
            reason = "" if place.is_dir() else f"{str(place)!r} is not a folder"
        except OSError as error:
            reason = str(error.strerror)
        if not reason and not os.access(place, os.W_OK | os.X_OK):
            reason = f"{str(place)!r} is not writable"
        if reason:
            raise RunError(
                f"run folder {str(self.path)!r} cannot be written ({reason}); see run.dir and "
                "run.name"
            )

    def open(self, settings: Settings, *, start_step: int) -> None:
        """Make the folder, store the resolved settings, and forget the log after `start_step`.

        A run killed after its last checkpoint has logged steps that will be made again, and may
        have left files half written.

        Raises:
            RunError: if the disk refuses.
        """
        try:
            make_folder(self.checkpoints)
            for folder in (self.path, self.checkpoints, self.pictures):
                if folder.is_dir():
                    remove_partials(folder)
            with replacing(self.settings) as file:
                file.write(to_toml(settings).encode())
            self._forget_after(start_step)
        except OSError as error:
            raise RunError(
                f"run folder {str(self.path)!r} cannot be written ({error.strerror}); "
                "see run.dir and run.name"
            ) from error

    def clear(self, is_checkpoint: Callable[[Path], bool]) -> None:
        """Delete what a run writes here, and nothing else; its lock stays with its owner.

        Args:
            is_checkpoint: tells checkpoints of ours from files that people put beside them.

        Raises:
            RunError: if the disk refuses.
        """
        written = (
            self.settings, self.about, self.metrics, self.page, self.best, self.last,
            self.rehearsal, self.diagnosis, self.diagnosis.with_suffix(".json"),
            *([self.model_card] if is_untouched(self.model_card) else []),
        )  # fmt: skip
        checkpoints = self.checkpoints.iterdir() if self.checkpoints.is_dir() else ()
        ours = [path for path in checkpoints if is_checkpoint(path)]
        try:
            for file in (*ours, *written):
                file.unlink(missing_ok=True)
        except OSError as error:
            raise RunError(
                f"run folder {str(self.path)!r} cannot be cleared ({error.strerror}: "
                f"{error.filename!r}); see run.dir and run.name"
            ) from error
        for folder in (self.tensorboard, self.pictures, self.retired):
            shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # others' files are in it
            self.checkpoints.rmdir()

    def write_json(self, path: Path, facts: Mapping[str, Any]) -> None:
        """Store facts in a file of the folder, such as `about` and `rehearsal`.

        Raises:
            OSError: if the disk refuses.
        """
        with replacing(path) as file:
            file.write((strict_json(facts, indent=2) + "\n").encode())

    def save_best(self, network: Network, facts: Mapping[str, str]) -> None:
        """Write the weights of the best validation.

        Raises:
            RunError: if the disk refuses; the best before is whole.
        """
        try:
            save_weights(network, self.best, facts)
        except OSError as error:
            raise RunError(
                f"{str(self.best)!r} cannot be written ({error.strerror}); the checkpoints are "
                "whole: make room and use --resume auto"
            ) from error

    def log(self, row: Mapping[str, Any]) -> None:
        """Append a row to metrics.jsonl, whole; what is no finite number is null there.

        Raises:
            RunError: if the disk refuses; the rows before are whole.
        """
        try:
            append(self.metrics, (strict_json(row) + "\n").encode())
        except OSError as error:
            raise RunError(
                f"{str(self.metrics)!r} cannot be written ({error.strerror}); the rows before and "
                "the checkpoints are whole: make room and use --resume auto"
            ) from error

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """Yield the rows of metrics.jsonl, as far as it can be read; what is no row is left out."""
        try:
            lines = self.metrics.read_bytes().splitlines()
        except OSError:
            return
        for line in lines:
            with suppress(ValueError, RecursionError):
                row = json.loads(line)
                if isinstance(row, Mapping):
                    yield row

    def sync_log(self) -> None:
        """Put the rows so far on the disk, before a checkpoint says that they were made.

        The curves too, where the disk takes them: they are only for looking at.

        Raises:
            OSError: if the disk refuses.
        """
        if self.metrics.exists():
            sync(self.metrics)
            sync_folder(self.path)
        with suppress(OSError):
            for newest in sorted(self.tensorboard.glob("*tfevents*"))[-1:]:
                sync(newest)
                sync_folder(self.tensorboard)

    def _forget_after(self, step: int) -> None:
        if not self.metrics.exists():
            return
        lines = self.metrics.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if step_of_row(line) <= step]
        if kept != lines:
            with replacing(self.metrics) as file:
                file.writelines(kept)
            self._forget_sheets({step_of_row(line) for line in lines} - {math.inf}, step)

    def _forget_sheets(self, logged: Collection[float], step: int) -> None:
        """Delete the pictures of validations whose rows are forgotten; they may be made otherwise.

        They are only for looking at: where the disk refuses, they stay.
        """
        with suppress(OSError):
            for its, paths in sheets_by_step(self.pictures).items():
                for path in paths if its > step and its in logged else ():
                    path.unlink(missing_ok=True)


def strict_json(value: Any, indent: int | None = None) -> str:
    """Return JSON that every reader takes: null for NaN and infinities, which JSON lacks."""
    return json.dumps(_without_infinities(value), allow_nan=False, indent=indent)


def _without_infinities(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {name: _without_infinities(each) for name, each in value.items()}
        case list() | tuple():
            return [_without_infinities(each) for each in value]
        case _:
            return value


def step_of_row(line: bytes) -> float:
    """Return a row's step; a row that is damaged or cut short belongs to no step that counts."""
    try:
        return float(json.loads(line)["step"]) if line.endswith(b"\n") else float("inf")
    except (ValueError, KeyError, TypeError, RecursionError):
        return float("inf")
