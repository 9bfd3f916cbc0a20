"""Prepare: choose windows of footage, write them, and say in a manifest what they are.

Invariant: killed at any moment and run again, it comes to the same bytes as a run that never was;
what is done is never done twice, and a folder never holds windows of two plans.
"""

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from vsr_data.errors import DataError, UnusableFileError
from vsr_data.footage.clip import Footage, Rejected
from vsr_data.footage.manifest import (
    MANIFEST,
    ROWS_DIGEST,
    UNFINISHED,
    line_of,
    read_manifest,
)
from vsr_data.preparing.plan import (
    Plan,
    Wanted,
    plan_of,
    require_going_on,
    require_same,
    size_of,
)
from vsr_data.preparing.processes import done_by
from vsr_data.preparing.writing import Part, rows_file, write_part
from vsr_data.request import Role
from vsr_files import make_folder, printable, remove_partials, replacing

PLAN: Final = "plan.json"
LOCK: Final = "lock"


@dataclass(frozen=True)
class Outcome:
    """What has been done.

    Attributes:
        written: windows written by this call.
        kept: windows that were there.
        files: how many files the folder has of them.
        n_bytes: their bytes together.
        rejected: files of the sources that are not used.
    """

    written: int
    kept: int
    files: int
    n_bytes: int
    rejected: tuple[Rejected, ...]


def prepare(
    wanted: Wanted,
    out: Path,
    opened: Callable[[], dict[Role, Footage]],
    *,
    processes: int,
    watch: Callable[[int, int], None],
) -> Outcome:
    """Write the windows that are not there yet.

    Args:
        wanted: which windows, and how.
        out: the folder; new, empty, or begun before.
        opened: opens the footage; not called where nothing is left to do.
        processes: how many write.
        watch: is told how many windows are there, of how many.

    Raises:
        DataError: the folder is of other windows or in use, or footage cannot be used.
        OSError: the disk refuses.
    """
    done = _complete(out, wanted)
    if done is not None:
        return done
    with _held(out):
        _require_same(_begun(out), wanted, out)
        footage = opened()
        plan = plan_of(wanted, footage)
        _begin(out, plan)
        left = [part for part in plan.parts if not _is_done(out, part)]
        total = sum(len(part.picks) for part in plan.parts)
        there = kept = total - sum(len(part.picks) for part in left)
        watch(there, total)
        clips = {role: each.clips for role, each in footage.items()}
        for part in done_by(processes, write_part, (clips, out, wanted.patch), left):
            there += len(part.picks)
            watch(there, total)
        found = _finish(out, plan)
    return _outcome(plan.header, found, kept=kept)


@dataclass
class _Found:
    """What rows speak of, taken up one by one."""

    windows: int = 0
    n_bytes: int = 0
    ends: dict[str, int] = field(default_factory=dict)

    def take(self, row: dict[str, Any]) -> None:
        """Take up a window."""
        self.windows += 1
        for side in ("gt", "lq"):
            place = row[side]
            self.n_bytes += place["n_bytes"]
            end = place["offset"] + place["n_bytes"]
            self.ends[place["file"]] = max(end, self.ends.get(place["file"], 0))

    def is_there(self, out: Path) -> bool:
        """Whether the files are as long as they must be; whether they changed, digests tell."""
        return all((size_of(str(out / name)) or 0) >= end for name, end in self.ends.items())


def _begun(out: Path) -> dict[str, Any] | None:
    """The header that a folder was begun with; None for a new one.

    Raises:
        DataError: it holds something else, or its manifest cannot be used.
    """
    try:
        manifest = read_manifest(out)
        if manifest is not None:
            return manifest.header
        plan = out / UNFINISHED / PLAN
        if plan.exists():
            return dict(json.loads(plan.read_bytes()))
        strange = out.exists() and any(path.name != UNFINISHED for path in out.iterdir())
    except UnusableFileError as error:
        raise _cannot(out, f"{MANIFEST}: {error}; name another folder") from error
    except (OSError, ValueError) as error:
        raise _cannot(out, f"it cannot be read: {error}; name another folder") from error
    if strange:
        raise _cannot(out, "it holds other files; name a new or an empty folder")
    return None


def _complete(out: Path, wanted: Wanted) -> Outcome | None:
    """What a complete folder holds; None where something of it is missing or its films changed.

    Raises:
        DataError: the folder is of other windows.
    """
    _require_same(_begun(out), wanted, out)
    try:
        manifest = read_manifest(out)
        if manifest is None or not _are_unchanged(manifest.header["films"]):
            return None
        found = _Found()
        for row in manifest.rows():
            found.take(row)
    except UnusableFileError:
        return None
    if not found.is_there(out):
        return None
    _clear(out)
    return _outcome(manifest.header, found, kept=found.windows)


def _are_unchanged(films: list[tuple[str, int | None]]) -> bool:
    """Whether films have the sizes they had; those that are gone cannot be prepared otherwise."""
    return all(size_of(name) in {None, size} for name, size in films)


@contextlib.contextmanager
def _held(out: Path) -> Iterator[None]:
    """Keep a folder to one process.

    Raises:
        DataError: another one has it, or it cannot be made.
    """
    lock = FileLock(out / UNFINISHED / LOCK, timeout=0)
    try:
        make_folder(out / UNFINISHED)
        lock.acquire()
    except Timeout as error:
        raise _cannot(out, "another process is preparing it; wait for it, or stop it") from error
    except OSError as error:
        raise _cannot(out, f"{error.strerror or error}; name another folder") from error
    try:
        yield
    finally:
        lock.release()


def _require_same(begun: dict[str, Any] | None, wanted: Wanted, out: Path) -> None:
    if begun is not None:
        with _naming(out):
            require_same(begun, wanted)


def _begin(out: Path, plan: Plan) -> None:
    """Note the plan, or compare it with what the folder was begun with; clear what was cut off."""
    begun = _begun(out)
    if begun is not None:
        with _naming(out):
            require_going_on(begun, plan.header)
    with replacing(out / UNFINISHED / PLAN) as file:
        file.write(line_of(plan.header))
    if (out / MANIFEST).exists():  # complete once, and files of it have gone
        _take_apart(out, plan)
        (out / MANIFEST).unlink()
    for folder in {out, *(path.parent for path in out.rglob(".*.partial"))}:
        remove_partials(folder)


def _take_apart(out: Path, plan: Plan) -> None:
    """Turn a manifest back into the rows of parts."""
    manifest = read_manifest(out)
    lines = {row["key"] + row["role"]: line_of(row) for row in manifest.rows()} if manifest else {}
    for part in plan.parts:
        with replacing(rows_file(out, part.number)) as file:
            file.writelines(lines[key + part.role] for key, _ in part.picks)


def _is_done(out: Path, part: Part) -> bool:
    """Whether a part's rows are there, and the files that they speak of."""
    found, keys = _Found(), []
    try:
        for line in _lines(out, part):
            row = json.loads(line)
            keys.append(row["key"])
            found.take(row)
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return keys == [key for key, _ in part.picks] and found.is_there(out)


def _finish(out: Path, plan: Plan) -> _Found:
    """Write the manifest, and remove what was needed to go on."""
    found, digest = _Found(), hashlib.sha256()
    for part in plan.parts:
        for line in _lines(out, part):
            digest.update(line)
            found.take(json.loads(line))
    with replacing(out / MANIFEST) as file:
        file.write(line_of({**plan.header, ROWS_DIGEST: digest.hexdigest()}))
        for part in plan.parts:
            file.writelines(_lines(out, part))
    _clear(out)
    return found


def _lines(out: Path, part: Part) -> Iterator[bytes]:
    with rows_file(out, part.number).open("rb") as file:
        yield from file


def _clear(out: Path) -> None:
    """Remove what was needed to go on; in vain where the folder is only read."""
    shutil.rmtree(out / UNFINISHED, ignore_errors=True)


def _outcome(header: dict[str, Any], found: _Found, *, kept: int) -> Outcome:
    return Outcome(
        written=found.windows - kept,
        kept=kept,
        files=len(found.ends),
        n_bytes=found.n_bytes,
        rejected=tuple(Rejected(path, reason) for path, reason in header["rejected"]),
    )


@contextlib.contextmanager
def _naming(out: Path) -> Iterator[None]:
    """Name the folder in what is said of it."""
    try:
        yield
    except DataError as error:
        raise _cannot(out, str(error)) from error


def _cannot(out: Path, reason: str) -> DataError:
    return DataError(f"nothing can be prepared in {printable(out)!r}: {reason}")
