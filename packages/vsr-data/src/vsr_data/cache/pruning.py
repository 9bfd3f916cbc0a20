"""What lies in the cache, and what of it is removed when space is wanted.

Least recently used entries go first, and never one that a live process uses or fills. Only folders
that are named as entries are ever looked at, whatever folder is given.
"""

import contextlib
import re
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from vsr_data.cache.entry import INDEX
from vsr_data.cache.store import LOCK
from vsr_data.cache.use import ABOUT, keys_in_use, source_of
from vsr_data.errors import DataError
from vsr_files import printable

DAY_S: Final = 86_400.0
_ENTRY: Final = re.compile(r"[0-9a-f]{40}")
_PARTIAL: Final = re.compile(r"[0-9a-f]{1,16}\.[A-Za-z0-9_-]+\.part")


@dataclass(frozen=True)
class Stored:
    """One entry, or what a run fills or has left half filled.

    Attributes:
        key: its folder's name.
        source: the video it is of, fit to be printed; empty where it does not say.
        n_bytes: its files together.
        used: when it was last opened, in seconds since 1970.
        in_use: whether a live process uses or fills it.
    """

    key: str
    source: str
    n_bytes: int
    used: float
    in_use: bool


def stored(folder: Path) -> list[Stored]:
    """All entries of a cache, the least recently used first; none where there is no folder.

    Raises:
        DataError: the folder cannot be listed.
    """
    try:
        paths = [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DataError(
            f"the frame cache {printable(folder)!r} cannot be listed: {error.strerror}; give the "
            "folder of data.cache_dir to --dir"
        ) from error
    used = keys_in_use(folder)
    found = [_looked_at(path, path.name in used) for path in paths if _is_ours(path.name)]
    there = [item for item in found if item is not None]
    return sorted(there, key=lambda item: (item.used, item.key))


def prune_to(folder: Path, n_bytes: int) -> list[Stored]:
    """Remove the least recently used entries until the others take at most so many bytes.

    Returns:
        What was removed.

    Raises:
        DataError: the folder cannot be listed, or an entry of it not be removed.
    """
    found, removed = stored(folder), []
    total = sum(item.n_bytes for item in found)
    for item in found:
        if total <= n_bytes:
            break
        if _remove(folder, item):
            removed.append(item)
            total -= item.n_bytes
    return removed


def prune_unused(folder: Path, since: float) -> list[Stored]:
    """Remove the entries that have not been used since a time, in seconds since 1970.

    Returns:
        What was removed.

    Raises:
        DataError: the folder cannot be listed, or an entry of it not be removed.
    """
    return [item for item in stored(folder) if item.used < since and _remove(folder, item)]


def _is_ours(name: str) -> bool:
    return bool(_ENTRY.fullmatch(name) or _PARTIAL.fullmatch(name))


def _looked_at(path: Path, in_use: bool) -> Stored | None:
    """What a folder holds; None where it has gone meanwhile."""
    try:
        sizes = [file.stat().st_size for file in path.rglob("*") if file.is_file()]
        marks = [path / ABOUT, path / INDEX, path]
        used = next(mark for mark in marks if mark.exists()).stat().st_mtime
    except (OSError, StopIteration):
        return None
    being_filled = _PARTIAL.fullmatch(path.name) is not None and not _is_free(path / LOCK)
    return Stored(path.name, source_of(path), sum(sizes), used, in_use or being_filled)


def _is_free(lock: Path) -> bool:
    """Whether nobody fills a folder."""
    if not lock.exists():
        return True
    try:
        with FileLock(lock, timeout=0):
            return True
    except (OSError, Timeout):
        return False


def _remove(folder: Path, item: Stored) -> bool:
    """Remove an entry; whether it was, or a process has begun to use it meanwhile."""
    if item.in_use:
        return False
    place, gone = folder / item.key, folder / f"{item.key[:16]}.{secrets.token_hex(4)}.part"
    try:
        place.rename(gone)  # at once and as a whole: half an entry is never seen
    except FileNotFoundError:
        return False  # someone else has removed it
    except OSError as error:
        raise DataError(
            f"{printable(place)!r} cannot be removed: {error.strerror}; run the command as the "
            "user to whom the frame cache belongs"
        ) from error
    if item.key in keys_in_use(folder):
        with contextlib.suppress(OSError):  # where it has been decoded anew, that one is as good
            gone.rename(place)
            return False
    shutil.rmtree(gone, ignore_errors=True)
    return True
