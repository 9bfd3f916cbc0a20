"""The frame cache: decoded frames and their low-resolution versions, uncompressed, on disk.

One folder per key holds `gt.rgb`, `lq.rgb` and `index.json`. Invariant: a folder under its final
name is complete, because it is filled under a temporary name and renamed, and no run writes into
another's. What killed runs leave behind is removed by the next run that writes.
"""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self

from vsr_data.clip import Pixels, Size
from vsr_data.errors import DataError
from vsr_data.lock import held_lock, is_abandoned

FORMAT: Final = 1
SHORTEST_RUN: Final = 3  # frames; the smallest window there is
GIB: Final = 1 << 30
GRACE_S: Final = 60.0  # a folder younger than this may not have its lock yet


class CacheFullError(Exception):
    """The frames of this run's sources would take more than the limit."""


@dataclass
class Budget:
    """Bytes that this run's sources may still take."""

    limit: int
    used: int = 0

    def spend(self, n_bytes: int) -> None:
        """Count bytes about to be written.

        Raises:
            CacheFullError: they exceed the limit.
        """
        if self.used + n_bytes > self.limit:
            raise CacheFullError
        self.used += n_bytes


@dataclass(frozen=True)
class Segment:
    """A run of frames of one size within an entry; offsets are bytes into its two files."""

    first: int
    frames: int
    gt_size: Size
    lq_size: Size
    gt_offset: int
    lq_offset: int


@dataclass
class Census:
    """What was met while decoding a file, for the reason when nothing can be used."""

    decoded: int = 0
    damaged: int = 0
    runs: int = 0
    longest: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Entry:
    """A complete folder of the cache."""

    folder: Path
    segments: tuple[Segment, ...]
    census: Census
    n_bytes: int

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """Read a folder's index; None where it is missing, foreign or does not fit its files."""
        try:
            index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
            if index["format"] != FORMAT:
                return None
            segments = tuple(_segment(row) for row in index["segments"])
            sizes = [(folder / name).stat().st_size for name in ("gt.rgb", "lq.rgb")]
            if sizes != index["sizes"]:
                return None
            return cls(folder, segments, Census(**index["census"]), sum(sizes))
        except (OSError, ValueError, KeyError, TypeError):
            return None


class EntryWriter:
    """Appends frames to an entry that is not complete yet; runs too short to use are taken back."""

    def __init__(self, folder: Path, budget: Budget) -> None:
        self.census = Census()
        self.segments: list[Segment] = []
        self._budget = budget
        self._run: Segment | None = None
        self._gt = (folder / "gt.rgb").open("wb")
        self._lq = (folder / "lq.rgb").open("wb")

    def append(self, number: int, gt_HWC: Pixels, lq_HWC: Pixels) -> None:
        """Add the next frame, `number` of its file; a new size starts a new run.

        Raises:
            CacheFullError: the budget is spent.
        """
        gt_size, lq_size = gt_HWC.shape[:2], lq_HWC.shape[:2]
        if self._run is not None and self._run.gt_size != gt_size:
            self.end_run()
        self._budget.spend(gt_HWC.nbytes + lq_HWC.nbytes)
        run = self._run or Segment(number, 0, gt_size, lq_size, self._gt.tell(), self._lq.tell())
        self._gt.write(gt_HWC.data)
        self._lq.write(lq_HWC.data)
        self._run = replace(run, frames=run.frames + 1)

    def end_run(self) -> None:
        """The next frame does not follow this one."""
        run, self._run = self._run, None
        if run is None:
            return
        self.census.runs += 1
        self.census.longest = max(self.census.longest, run.frames)
        if run.frames >= SHORTEST_RUN:
            self.segments.append(run)
            return
        for file, offset in ((self._gt, run.gt_offset), (self._lq, run.lq_offset)):
            self._budget.used -= file.tell() - offset
            file.seek(offset)
            file.truncate()

    def close(self) -> None:
        """Close both files, flushed to the disk."""
        for file in (self._gt, self._lq):
            if not file.closed:
                file.flush()
                os.fsync(file.fileno())
                file.close()


class FrameStore:
    """The folder of all entries, shared by runs."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder).expanduser()

    def find(self, key: str) -> Entry | None:
        """The complete entry of a key, if there is one."""
        return Entry.load(self.folder / key)

    @contextlib.contextmanager
    def write(self, key: str, budget: Budget) -> Iterator[EntryWriter]:
        """Fill a new entry; it appears under its key once the block ends without an error.

        Raises:
            DataError: the folder cannot be written to or the disk is full.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._remove_leftovers()
            partial = Path(tempfile.mkdtemp(prefix=f"{key[:16]}.", suffix=".part", dir=self.folder))
        except OSError as error:
            raise self._unwritable(error) from error
        used = budget.used
        try:
            with held_lock(partial / "lock"):
                writer = EntryWriter(partial, budget)
                try:
                    yield writer
                    writer.end_run()
                finally:
                    writer.close()
                _write_index(partial, writer)
                self._publish(partial, key)
        except OSError as error:
            raise self._unwritable(error) from error
        except BaseException:
            budget.used = used
            raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def free_bytes(self) -> int:
        """Bytes free on the disk that holds, or will hold, the cache."""
        folder = self.folder.absolute()
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        return shutil.disk_usage(folder).free

    def _publish(self, partial: Path, key: str) -> None:
        final = self.folder / key
        (partial / "lock").unlink()
        try:
            partial.rename(final)
        except OSError:
            if Entry.load(final) is not None:
                return  # a run beside this one was first, and its entry is as good
            shutil.rmtree(final, ignore_errors=True)  # damaged from outside
            partial.rename(final)

    def _remove_leftovers(self) -> None:
        for partial in self.folder.glob("*.part"):
            with contextlib.suppress(OSError):
                young = time.time() - partial.stat().st_mtime < GRACE_S
                if not young and is_abandoned(partial / "lock"):
                    shutil.rmtree(partial, ignore_errors=True)

    def _unwritable(self, error: OSError) -> DataError:
        return DataError(
            f"the frame cache {str(self.folder)!r} cannot be written: "
            f"{error.strerror or error}; free some space or set data.cache_dir to another folder"
        )


def entry_key(**facts: Any) -> str:
    """A digest of everything an entry's frames depend on; JSON values only."""
    text = json.dumps({"format": FORMAT, **facts}, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:40]


def _segment(row: dict[str, Any]) -> Segment:
    sizes = {name: tuple(row[name]) for name in ("gt_size", "lq_size")}
    return Segment(**{**row, **sizes})


def _write_index(folder: Path, writer: EntryWriter) -> None:
    index = {
        "format": FORMAT,
        "segments": [asdict(segment) for segment in writer.segments],
        "census": asdict(writer.census),
        "sizes": [(folder / name).stat().st_size for name in ("gt.rgb", "lq.rgb")],
    }
    (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")
