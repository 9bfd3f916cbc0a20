"""All that is known of a run, as far as its files tell; what is missing is said in words.

Every file may be missing, cut short, damaged, foreign or of a version before.
"""

import contextlib
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vsr_viewer.record.columns import number
from vsr_viewer.record.log import NAME as METRICS
from vsr_viewer.record.log import Log, Verdict
from vsr_viewer.record.reading import (
    UnreadableError,
    open_inside,
    read_facts,
    read_tables,
    read_text,
    resolved,
)
from vsr_viewer.record.strips import ANIMATION, FOLDER, names_by_step

SETTINGS, ABOUT, REHEARSAL = "settings.toml", "about.json", "rehearsal.json"
DIAGNOSIS, BEST, CHECKPOINTS = "diagnosis.md", "best.safetensors", "checkpoints"

MOST_CHECKPOINTS: Final = 10_000

ALIKE_DB: Final = 1e-3
"""What devices and precisions make of the same figure of bicubic, at most."""

_CHECKPOINT: Final = re.compile(r"step-([0-9]{9,10})\.pt")

_OPTIONAL: Final = (REHEARSAL, DIAGNOSIS)
"""Files that a run without a card, or without trouble, does not have."""


@dataclass(frozen=True)
class Record:
    """A run as it is now."""

    root: Path
    """Its folder, resolved."""
    name: str
    settings_text: str
    settings: Mapping[str, Mapping[str, Any]]
    """Tables by name, as far as `settings.toml` can be read."""
    about: Mapping[str, Any]
    rehearsal: Mapping[str, Any]
    diagnosis: str
    log: Log
    pictures: Mapping[int, Sequence[str]]
    """Names of strips by the step of their validation, for those that still count."""
    has_animation: bool
    checkpoints: tuple[int, ...]
    """Their steps, rising."""
    has_best: bool
    missing: tuple[str, ...]
    """What could not be read, and why; a sentence each."""

    @property
    def last_step(self) -> int:
        """The latest step that anything tells of."""
        return max(self.log.last_step, *self.checkpoints[-1:], 0)

    @property
    def max_steps(self) -> int | None:
        """Steps of the whole run; None where its settings do not say."""
        steps = self.setting("train", "max_steps")
        return steps if type(steps) is int and 0 < steps <= 10**9 else None

    @property
    def best_place(self) -> int | None:
        """Place of the validation with the highest PSNR, of those measured as the latest was.

        The footage may have changed, or how it is measured: then bicubic's figure has, too, which
        nothing else changes.
        """
        rows = self.log.validation
        if not rows.steps:
            return None
        psnr, bicubic = rows["psnr"], rows["psnr_bicubic"]
        alike = [i for i, level in enumerate(bicubic) if not abs(level - bicubic[-1]) > ALIKE_DB]
        known = [i for i in alike if not math.isnan(psnr[i])]
        return max(known, key=lambda i: (psnr[i], -i), default=None)

    @property
    def best_step(self) -> int | None:
        """Step of that validation."""
        place = self.best_place
        return None if place is None else self.log.validation.steps[place]

    @property
    def verdict(self) -> Verdict | None:
        """The latest of the watch."""
        return self.log.verdicts[-1] if self.log.verdicts else None

    @property
    def is_on_card(self) -> bool:
        """Whether memory was measured on a card; else it is the whole process's."""
        return str(self.about.get("device")).startswith("cuda")

    def setting(self, section: str, name: str) -> Any:
        """Return a setting as the run's TOML has it; None where it has none."""
        return self.settings.get(section, {}).get(name)

    def weight(self, term: str) -> float | None:
        """Return what a loss term counts; None where the settings do not say."""
        if term == "total":
            return 1.0
        if term == "plain":  # it is weighted itself
            return 1.0 if self.settings.get("loss") else None
        weight = number(self.setting("loss", f"{term}_weight"))
        return None if math.isnan(weight) else weight


class RunReader:
    """Reads a run again and again; only what is new of its log.

    Args:
        folder: the run's.
    """

    def __init__(self, folder: Path) -> None:
        self.root = resolved(folder)
        self.name = self.root.name if folder.name in ("", "..") else folder.name
        self._log = Log(self.root)

    def read(self) -> Record:
        """Return the run as it is now; its log goes on with the next call."""
        missing: list[str] = []

        def attempt(what: str, read: Any, *arguments: Any) -> Any:
            try:
                return read(*arguments)
            except UnreadableError as error:
                if what not in _OPTIONAL or str(error) != "it is not there":
                    missing.append(f"{what}: {error}")
                return None

        text = attempt(SETTINGS, read_text, self.root, SETTINGS) or ""
        tables = (attempt(SETTINGS, read_tables, text) if text else None) or {}
        attempt(METRICS, self._log.refresh)
        missing += _damage(self._log)
        strips = attempt(FOLDER, names_by_step, self.root) or {}
        validated = set(self._log.validation.steps)
        return Record(
            root=self.root,
            name=self.name,
            settings_text=text,
            settings={name: each for name, each in tables.items() if isinstance(each, dict)},
            about=attempt(ABOUT, read_facts, self.root, ABOUT) or {},
            rehearsal=attempt(REHEARSAL, read_facts, self.root, REHEARSAL) or {},
            diagnosis=attempt(DIAGNOSIS, read_text, self.root, DIAGNOSIS) or "",
            log=self._log,
            pictures={step: names for step, names in strips.items() if step in validated},
            has_animation=_is_file(self.root, f"{FOLDER}/{ANIMATION}"),
            checkpoints=_checkpoints(self.root),
            has_best=_is_file(self.root, BEST),
            missing=tuple(missing),
        )

    def signature(self) -> tuple[object, ...]:
        """Return what changes whenever a file that is read does; costs little."""
        names = (SETTINGS, ABOUT, REHEARSAL, DIAGNOSIS, METRICS, BEST, CHECKPOINTS, FOLDER)
        return tuple(_stamp(self.root / name) for name in (*names, f"{FOLDER}/{ANIMATION}"))


def _damage(log: Log) -> list[str]:
    told = []
    if log.damaged:
        many = "line is" if log.damaged == 1 else "lines are"
        told.append(f"{METRICS}: {log.damaged:,} {many} damaged and left out")
    if log.left_out:
        told.append(
            f"{METRICS}: it is so long that its first {log.left_out >> 20:,} MiB are left out"
        )
    return told


def _is_file(root: Path, name: str) -> bool:
    try:
        open_inside(root, name).close()
    except UnreadableError:
        return False
    return True


def _checkpoints(root: Path) -> tuple[int, ...]:
    steps = set()
    with contextlib.suppress(OSError), os.scandir(root / CHECKPOINTS) as entries:
        for _, entry in zip(range(MOST_CHECKPOINTS), entries, strict=False):
            if match := _CHECKPOINT.fullmatch(entry.name):
                steps.add(int(match[1]))
    return tuple(sorted(steps))


def _stamp(path: Path) -> object:
    try:
        facts = path.stat()
    except (OSError, ValueError):
        return None
    return facts.st_mtime_ns, facts.st_size, facts.st_ino
