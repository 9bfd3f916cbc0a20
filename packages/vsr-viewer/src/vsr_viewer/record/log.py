"""metrics.jsonl read as it grows: each row once, and all of it again only where it was rewritten.

A row cut short is left for the next time; one that is damaged is counted and passed over. Rows of a
step that is not past the last one replace what they make again: the run went back.
"""

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from vsr_viewer.record.columns import Columns, number
from vsr_viewer.record.reading import MIB, UnreadableError, open_inside, parse

NAME: Final = "metrics.jsonl"

MOST_BYTES: Final = 512 * MIB
"""Of a longer log the latest so many are read."""

LONGEST_ROW: Final = 32 * MIB

LAST_STEP: Final = 10**9
"""Steps beyond it are taken for damage."""

PAUSE: Final = 600.0
"""Seconds between two rows, beyond a validation's own, from which on the run was not running: it
logs every five minutes."""

_AT_ONCE: Final = 4096
_MARK: Final = 64

TERMS: Final = ("l1", "ms", "grad", "perceptual", "plain", "total")

TRAINING: Final = (
    *(f"loss.{term}" for term in TERMS),
    "lr", "grad_norm", "samples_per_s", "skipped", "memory_mib", "time",
)  # fmt: skip

VALIDATION: Final = (
    "psnr", "psnr_bilinear", "psnr_bicubic", "psnr_y", "ssim", "ssim_bilinear", "ssim_bicubic",
    "gain_db", "gain_bicubic_db", "temporal_db", "sharpness", "sharpness_bicubic", "perceptual",
    "flat", "seconds", "time",
)  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """What the watch found, from a step on."""

    step: int
    verdict: str
    why: str


class Log:
    """The rows of a run.

    Args:
        root: the run's folder, resolved.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._forget()

    def _forget(self) -> None:
        self.training = Columns(TRAINING)
        self.validation = Columns(VALIDATION)
        self.verdicts: list[Verdict] = []
        self.damaged = 0
        """Lines that are no row."""
        self.left_out = 0
        """Bytes at the beginning that were not read."""
        self.seconds = 0.0
        """Time that the run took, without the pauses between a stop and going on."""
        self.last_time: float | None = None
        """When the latest row was written, in Unix seconds."""
        self._places: dict[int, tuple[int, int]] = {}  # of validation rows, by step
        self._pending: list[Mapping[str, Any]] = []
        self._pending_steps: list[int] = []
        self._last_training = -1
        self._offset = 0
        self._identity: tuple[int, int] | None = None
        self._mark = b""

    @property
    def last_step(self) -> int:
        """The latest step that a row tells of; 0 where none does."""
        lasts = [each.steps[-1] for each in (self.training, self.validation) if each.steps]
        return max(lasts, default=0)

    def refresh(self) -> None:
        """Read the rows that came since the last time.

        Raises:
            UnreadableError: if the log cannot be opened or read.
        """
        try:
            file = open_inside(self._root, NAME)
        except UnreadableError:
            self._forget()
            raise
        with file:
            try:
                self._read(file)
            except OSError as error:
                raise UnreadableError(f"it cannot be read ({error.strerror})") from error
            finally:
                self._flush()

    def sources_at(self, step: int) -> dict[str, Mapping[str, Any]]:
        """Return every clip's figures of a validation by name; none where they are not there."""
        place = self._places.get(step)
        if place is None:
            return {}
        try:
            with open_inside(self._root, NAME) as file:
                file.seek(place[0])
                row = parse(file.read(place[1]))
        except (UnreadableError, OSError):
            return {}
        sources = row.get("sources") if isinstance(row, dict) and row.get("step") == step else None
        if not isinstance(sources, dict):
            return {}
        return {name: each for name, each in sources.items() if isinstance(each, dict)}

    def _read(self, file: BinaryIO) -> None:
        facts = os.fstat(file.fileno())
        identity = (facts.st_dev, facts.st_ino)
        if self._identity is not None and not self._goes_on(file, identity, facts.st_size):
            self._forget()
        self._identity = identity
        if facts.st_size - self._offset > MOST_BYTES:
            self._forget()
            self._identity = identity
            self.left_out = self._offset = facts.st_size - MOST_BYTES
        file.seek(self._offset)
        skips = self.left_out == self._offset > 0  # it begins within a row
        while line := file.readline(LONGEST_ROW):
            is_whole = line.endswith(b"\n")
            if not is_whole and len(line) < LONGEST_ROW:  # not written to its end yet
                break
            self._offset += len(line)
            self._mark = line[-_MARK:]
            if not is_whole:
                skips = True
            elif skips:
                skips = False
                self.damaged += self.left_out == 0
            else:
                self._take(line)

    def _goes_on(self, file: BinaryIO, identity: tuple[int, int], size: int) -> bool:
        """Whether the file is the one that was read, with more at its end at most."""
        if identity != self._identity or size < self._offset:
            return False
        file.seek(self._offset - len(self._mark))
        return file.read(len(self._mark)) == self._mark

    def _take(self, line: bytes) -> None:
        row = parse(line)
        step = row.get("step") if isinstance(row, dict) else None
        if type(step) is float and step.is_integer():
            step = int(step)
        if type(step) is not int or not 0 <= step <= LAST_STEP:
            self.damaged += bool(line.strip())
            return
        if row.get("kind") == "train":
            if step <= self._last_training:
                self._go_back(step)
            self._last_training = step
            self._pending_steps.append(step)
            self._pending.append(row)
            if len(self._pending) >= _AT_ONCE:
                self._flush()
            return
        self._flush()
        self._count_time([number(row.get("time"))], PAUSE + max(0.0, number(row.get("seconds"))))
        match row.get("kind"):
            case "validation":
                self.validation.cut(step)
                self.validation.extend([step], [row])
                self._places[step] = (self._offset - len(line), len(line))
            case "verdict":
                verdict = Verdict(step, str(row.get("verdict")), str(row.get("why", "")))
                self.verdicts = [each for each in self.verdicts if each.step <= step]
                self.verdicts.append(verdict)
            case _:  # of a later version
                pass

    def _go_back(self, step: int) -> None:
        """Forget what is made again."""
        self._flush()
        self.training.cut(step)
        self.validation.cut(step)
        self.verdicts = [each for each in self.verdicts if each.step < step]

    def _flush(self) -> None:
        """Take up the training rows that were read: many at once cost less than one by one."""
        if self._pending:
            self.training.extend(self._pending_steps, self._pending)
            self._count_time(self.training["time"][-len(self._pending) :], PAUSE)
            self._pending_steps, self._pending = [], []

    def _count_time(self, times: Iterable[float], longest: float) -> None:
        """Add what passed between rows, but for what is longer than a run goes without one."""
        last = self.last_time
        for time in times:
            if math.isnan(time):
                continue
            if last is not None and 0 < time - last <= longest:
                self.seconds += time - last
            last = time
        self.last_time = last
