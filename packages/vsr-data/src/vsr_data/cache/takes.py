"""Takes in the frame cache: degraded frames that were made together, and are made anew in time.

One file holds one version of one take: its frames, then a list of their digests. A file is there as
a whole or not at all: it is filled under another name and renamed, by whoever holds the take's
lock. Losing one costs making it again, to the bit, so nothing here is flushed to the disk: what a
power cut leaves half-written does not fit its digests.
"""

import contextlib
import hashlib
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from filelock import FileLock

from vsr_data.cache.entry import Strip
from vsr_data.cache.reading import StripReader
from vsr_data.cache.use import mark_used, write_about
from vsr_data.errors import DataError
from vsr_data.pixels import Pixels
from vsr_files import printable

LENGTH_BYTES: Final = 8  # at the end of a file: how long its list is


class TakeFolder:
    """The takes of one clip, none of which need exist yet; a folder beside those of entries.

    Args:
        cache: the folder of all entries.
        key: the name of this one.
        source: what its frames are of, for whoever lists the cache.
    """

    def __init__(self, cache: Path, key: str, source: str) -> None:
        self.folder = cache / key
        self._source = source

    def find_or_make(self, take: int, version: int, make: Callable[[], Pixels]) -> StripReader:
        """Return a version of a take, made now if it is not there; then older ones are removed.

        Args:
            take: its number.
            version: from 0; the one before it stays, for whoever still reads it.
            make: returns its frames, `lq_THWC`.

        Raises:
            DataError: the folder cannot be written to, or the disk is full.
        """
        mark_used(self.folder.parent, self.folder.name)
        strip = self._load(take, version)
        if strip is None:
            try:
                if not self.folder.is_dir():
                    self.folder.mkdir(parents=True, exist_ok=True)
                    write_about(self.folder, self._source)
                with FileLock(self.folder / f"{take}.lock"):
                    strip = self._load(take, version)  # another process may have been first
                    if strip is None:
                        strip = self._write(take, version, make())
                        self._remove_others(take, version)
            except OSError as error:
                raise DataError(
                    f"degraded frames cannot be written into {printable(self.folder)!r}: "
                    f"{error.strerror or error}; free some space or set data.cache_dir to another "
                    "folder"
                ) from error
        return StripReader(self.folder, strip)

    def remove(self, take: int, version: int) -> None:
        """Let a version whose bytes have changed be made again."""
        with contextlib.suppress(OSError):
            self._path(take, version).unlink(missing_ok=True)

    def _path(self, take: int, version: int) -> Path:
        return self.folder / f"{take}.{version}.take"

    def _write(self, take: int, version: int, lq_THWC: Pixels) -> Strip:
        path = self._path(take, version)
        digests = [zlib.crc32(frame.data) for frame in lq_THWC]
        listed = json.dumps({"size": lq_THWC.shape[1:3], "digests": digests}).encode()
        partial = self.folder / f"{take}.part"  # one a take: a killed process leaves no more
        with partial.open("wb") as file:
            file.write(lq_THWC.data)
            file.write(_digest(listed) + listed + len(listed).to_bytes(LENGTH_BYTES, "big"))
        partial.replace(path)
        return _strip(path, lq_THWC.shape[1:3], digests)

    def _load(self, take: int, version: int) -> Strip | None:
        path = self._path(take, version)
        try:
            with path.open("rb") as file:
                end = file.seek(-LENGTH_BYTES, 2)
                length = int.from_bytes(file.read(), "big")
                start = file.seek(end - length - len(_digest(b"")))
                digest, listed = file.read(len(_digest(b""))), file.read(length)
            found: dict[str, Any] = json.loads(listed)
            strip = _strip(path, found["size"], found["digests"])
            is_whole = start == strip.frame_bytes * len(strip.digests)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return strip if is_whole and digest == _digest(listed) else None

    def _remove_others(self, take: int, version: int) -> None:
        """Keep two versions of a take at most: workers may be a step apart."""
        kept = {self._path(take, version), self._path(take, version - 1)}
        for path in self.folder.glob(f"{take}.*.take"):
            if path not in kept:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)


def takes_in(cache: Path) -> int:
    """Bytes of all takes in the frame cache, whatever they are of."""
    total = 0
    for path in cache.glob("*/*.take"):
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total


def _strip(path: Path, size: Any, digests: Any) -> Strip:
    height, width = size
    return Strip(path.name, 0, (height, width), tuple(digests))


def _digest(listed: bytes) -> bytes:
    return hashlib.sha256(listed).digest()
