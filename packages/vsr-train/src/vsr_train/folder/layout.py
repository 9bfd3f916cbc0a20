"""The folder of a run: what is in it, and that no run writes over another unasked.

settings.toml · metrics.jsonl · tensorboard/ · pictures/ · checkpoints/ · best.safetensors ·
rehearsal.json, where there is a card · diagnosis.md and .json, where the watch had reason to
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vsr_settings import Settings, to_toml
from vsr_train.errors import RunError


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
        self.best = path / "best.safetensors"
        self.diagnosis = path / "diagnosis.md"
        self.rehearsal = path / "rehearsal.json"

    @classmethod
    def of(cls, settings: Settings) -> "RunFolder":
        """Return the folder that `[run]` names."""
        return cls(Path(settings.run.dir).expanduser() / settings.run.name)

    @property
    def holds_a_run(self) -> bool:
        """Whether a run has started here."""
        return self.settings.exists() or self.metrics.exists() or self.checkpoints.exists()

    def open(self, settings: Settings, *, start_step: int) -> None:
        """Make the folder, store the resolved settings, and forget the log after `start_step`.

        A run killed after its last checkpoint has logged steps that will be made again.

        Raises:
            RunError: if the disk refuses.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.settings.write_text(to_toml(settings), encoding="utf-8")
            self._forget_after(start_step)
        except OSError as error:
            raise RunError(
                f"run folder {str(self.path)!r} cannot be written ({error.strerror}); "
                "see run.dir and run.name"
            ) from error

    def clear(self) -> None:
        """Delete what a run writes here, and nothing else."""
        diagnosis = (self.diagnosis, self.diagnosis.with_suffix(".json"))
        for file in (self.settings, self.metrics, self.best, self.rehearsal, *diagnosis):
            file.unlink(missing_ok=True)
        for folder in (self.tensorboard, self.pictures, self.checkpoints):
            shutil.rmtree(folder, ignore_errors=True)

    def write_rehearsal(self, figures: Mapping[str, float]) -> None:
        """Store what the rehearsal measured beside what was predicted."""
        self.rehearsal.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")

    def log(self, row: Mapping[str, Any]) -> None:
        """Append a row to metrics.jsonl, whole."""
        with self.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def _forget_after(self, step: int) -> None:
        if not self.metrics.exists():
            return
        lines = self.metrics.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if _step_of(line) <= step]
        temporary = self.metrics.with_name(f".{self.metrics.name}.partial")
        temporary.write_text("".join(kept), encoding="utf-8")
        temporary.replace(self.metrics)


def _step_of(line: str) -> float:
    """Return a row's step; a row cut short by a kill belongs to no step that counts."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
