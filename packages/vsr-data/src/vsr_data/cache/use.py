"""When entries of the cache were last used, and which ones live processes use now.

A process names the entries that it opened in one file of the cache, and holds a lock beside it for
as long as it lives: the system lets go of it however the process ends. Invariant: whatever cannot
be written here, as in a cache that is only read, is left out without a word; a cache that this
process cannot write to is one that it cannot prune either.
"""

import atexit
import contextlib
import json
import os
import secrets
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from vsr_files import append

ABOUT: Final = "about.json"  # in an entry: what it is of; its time of change is the last use
MARKS: Final = ".in-use"
_KEYS: Final = ".keys"


class _Mark:
    """The file in which this process names the entries of one cache that it uses."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        _remove_stale(folder)
        self._path = folder / f"{secrets.token_hex(8)}{_KEYS}"
        self._lock = FileLock(_lock_of(self._path), timeout=0)
        self._lock.acquire()
        self._owner = os.getpid()
        self._named: set[str] = set()
        atexit.register(self.remove)

    def name(self, key: str) -> None:
        """Add an entry."""
        if key not in self._named:
            append(self._path, f"{key}\n".encode())
            self._named.add(key)

    def remove(self) -> None:
        """Take the mark away, unless it is that of the process this one was forked from."""
        if self._owner == os.getpid():
            self._lock.release()
            _unlink(self._path)


_marks: dict[tuple[int, Path], _Mark | None] = {}
"""One per process and cache; None where none can be made."""


def mark_used(folder: Path, key: str) -> None:
    """Note that this process uses an entry from now on, as long as it lives.

    To be called before the entry is opened: whoever removes one looks again once it is out of
    sight, and puts it back where it has been marked meanwhile.

    Args:
        folder: the cache.
        key: the entry's name.
    """
    with contextlib.suppress(OSError):
        os.utime(folder / key / ABOUT)
    place = (os.getpid(), folder.absolute())
    try:
        if place not in _marks and folder.is_dir():
            _marks[place] = _Mark(folder / MARKS)
        mark = _marks.get(place)
        if mark is not None:
            mark.name(key)
    except (OSError, Timeout):
        _marks[place] = None


def release_marks(folder: Path) -> None:
    """Say that this process uses no entry of a cache any more."""
    mark = _marks.pop((os.getpid(), folder.absolute()), None)
    if mark is not None:
        mark.remove()
        atexit.unregister(mark.remove)


def keys_in_use(folder: Path) -> frozenset[str]:
    """Entries of a cache that live processes use, this one among them."""
    found: set[str] = set()
    for path in (folder / MARKS).glob(f"*{_KEYS}"):
        if not _is_stale(path):
            with contextlib.suppress(OSError):
                found.update(path.read_text(encoding="utf-8").split())
    return frozenset(found)


def write_about(entry: Path, source: str) -> None:
    """Say in an entry being filled what it is of.

    Raises:
        OSError: the disk refuses.
    """
    (entry / ABOUT).write_text(json.dumps({"source": source}), encoding="utf-8")


def source_of(entry: Path) -> str:
    """What an entry is of; empty where it does not say."""
    try:
        return str(json.loads((entry / ABOUT).read_text(encoding="utf-8"))["source"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _remove_stale(folder: Path) -> None:
    for path in folder.glob(f"*{_KEYS}"):
        if _is_stale(path):
            _unlink(path)


def _is_stale(path: Path) -> bool:
    """Whether the process that wrote a mark has ended."""
    try:
        with FileLock(_lock_of(path), timeout=0):
            return True
    except (OSError, Timeout):  # a lock that cannot be tried may be held
        return False


def _lock_of(path: Path) -> Path:
    return path.with_suffix(".lock")


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
        _lock_of(path).unlink(missing_ok=True)
