"""The folder of all entries, shared by runs: an entry is there as a whole or not at all.

One folder per key holds `gt.rgb`, `lq.rgb` and `index.json`. Invariant: a folder under its final
name is complete, because it is filled under a temporary name and renamed, and no run writes into
another's. What killed runs leave behind is removed by the next run that writes.
"""

import contextlib
import errno
import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from vsr_data.cache.entry import FORMAT, Entry, retire
from vsr_data.cache.use import mark_used, write_about
from vsr_data.cache.writing import Budget, EntryWriter
from vsr_data.errors import DataError
from vsr_files import printable

logger = logging.getLogger(__name__)

GIB: Final = 1 << 30
GRACE_S: Final = 60.0  # a folder changed less long ago may have no lock yet, or none any more
LOCK: Final = "lock"  # in a folder being filled; the system lets go of it when its process dies


class FrameStore:
    """The folder of all entries, which need not exist yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, key: str) -> Entry | None:
        """The complete entry of a key, if there is one and its frames are as they were written."""
        mark_used(self.folder, key)
        entry = Entry.load(self.folder / key)
        if entry is None or entry.is_untouched or entry.is_sound():
            return entry
        logger.warning("cached frames in %s have changed on the disk: not used", entry.folder)
        retire(entry.folder)
        return None

    @contextlib.contextmanager
    def write(self, key: str, budget: Budget, source: str = "") -> Iterator[EntryWriter]:
        """Fill a new entry; it appears under its key once the block ends without an error.

        Args:
            key: its name.
            budget: what may be written.
            source: what its frames are of, for whoever lists the cache.

        Raises:
            DataError: the folder cannot be written to or the disk is full.
        """
        used, complete = budget.used, False
        try:
            with self._partial_folder(key) as partial:
                with (
                    FileLock(partial / LOCK),
                    contextlib.closing(EntryWriter(partial, budget)) as writer,
                ):
                    write_about(partial, source)
                    yield writer
                    writer.complete()
                self._publish(partial, key)
                complete = True
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            if not complete:
                budget.used = used

    def free_bytes(self) -> int:
        """Bytes free on the disk that holds, or will hold, the cache.

        Raises:
            DataError: there can be no such folder.
        """
        try:
            return shutil.disk_usage(self._existing()).free
        except OSError as error:
            raise self._unwritable(error) from error

    def check_writable(self) -> None:
        """Refuse a folder that nothing can be written into, without writing anything.

        Raises:
            DataError: it cannot be written to, or not be made.
        """
        try:
            place = self._existing()
            if not place.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            if not os.access(place, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            raise self._unwritable(error) from error

    def _existing(self) -> Path:
        """The folder, or the closest above it that exists."""
        folder = self.folder.absolute()
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        return folder

    @contextlib.contextmanager
    def _partial_folder(self, key: str) -> Iterator[Path]:
        """A new folder to fill; gone afterwards, unless it was published."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._remove_leftovers()
        partial = Path(tempfile.mkdtemp(prefix=f"{key[:16]}.", suffix=".part", dir=self.folder))
        try:
            yield partial
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _publish(self, partial: Path, key: str) -> None:
        final = self.folder / key
        (partial / LOCK).unlink(missing_ok=True)
        try:
            partial.rename(final)
        except OSError:
            if self.find(key) is not None:
                return  # a run beside this one was first, and its entry is as good
            shutil.rmtree(final, ignore_errors=True)  # damaged from outside
            partial.rename(final)

    def _remove_leftovers(self) -> None:
        for partial in self.folder.glob("*.part"):
            with contextlib.suppress(OSError):
                young = time.time() - partial.stat().st_mtime < GRACE_S
                if not young and _is_abandoned(partial / LOCK):
                    shutil.rmtree(partial, ignore_errors=True)

    def _unwritable(self, error: OSError) -> DataError:
        return DataError(
            f"the frame cache {printable(self.folder)!r} cannot be written: "
            f"{error.strerror or error}; free some space or set data.cache_dir to another folder"
        )


def entry_key(**facts: Any) -> str:
    """A digest of everything an entry's frames depend on; JSON values only."""
    text = json.dumps({"format": FORMAT, **facts}, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:40]


def _is_abandoned(lock: Path) -> bool:
    """Whether nobody holds a lock any more."""
    try:
        with FileLock(lock, timeout=0):
            return True
    except Timeout:
        return False
