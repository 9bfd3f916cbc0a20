"""Files from outside opened, and files of ours written, so that neither can surprise anybody.

Only regular files are opened: a FIFO, a device or a folder is refused in words and never waits.
What is written appears whole or not at all, and is there after a power cut once it is there.
"""

import contextlib
import errno
import io
import os
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_PARTIAL = re.compile(r"\.[0-9a-f]{16}\.partial")


class ForeignFileError(Exception):
    """Why a file from outside cannot be used: a clause about "it", to follow the file's name."""


def open_regular(path: str | os.PathLike[str]) -> io.BufferedReader:
    """Open a regular file for reading; `~` is the caller's business.

    Raises:
        ForeignFileError: if there is none, it may not be read, or it is something else.
    """
    # Without waiting for the other end: what it is shows only on the opened descriptor.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except (OSError, ValueError) as error:  # ValueError: a NUL, or what no file name encodes
        reason = error.strerror if isinstance(error, OSError) else error
        raise ForeignFileError(f"it is not a file that can be opened ({reason})") from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise ForeignFileError(f"it is not a file but {_kind(mode)}")
    return os.fdopen(descriptor, "rb")


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Write a file that takes the place of `path` when the block ends, whole and on the disk.

    The temporary name is short and in the same folder, so that a final name of 255 bytes works;
    on any exception the temporary file is removed and what was at `path` is untouched.

    Raises:
        OSError: if the disk refuses.
    """
    path = Path(path)
    temporary = path.with_name(f".{secrets.token_hex(8)}.partial")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def make_folder(path: str | os.PathLike[str]) -> None:
    """Make a folder and those above it, there after a power cut too.

    Raises:
        OSError: if the disk refuses.
    """
    path = Path(path)
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(exist_ok=True)
    sync_folder(path.parent)


def append(path: str | os.PathLike[str], content: bytes) -> None:
    """Add to the end of a file in one write, made where there is none; all of it or nothing.

    Raises:
        OSError: if the disk refuses.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o666)
    try:
        before = os.fstat(descriptor).st_size
        if os.write(descriptor, content) < len(content):  # the disk has room for a part of it
            os.ftruncate(descriptor, before)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    finally:
        os.close(descriptor)


def sync(path: str | os.PathLike[str]) -> None:
    """Put what was written to a file on the disk.

    Raises:
        OSError: if the disk refuses.
    """
    with Path(path).open("rb+") as file:
        os.fsync(file.fileno())


def remove_partials(folder: str | os.PathLike[str]) -> None:
    """Remove what `replacing` left in a folder when its process was killed.

    Raises:
        OSError: if the disk refuses.
    """
    for path in Path(folder).iterdir():
        if _PARTIAL.fullmatch(path.name) and path.is_file():
            path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Put a folder's entries on the disk: without it a power cut can undo a renaming.

    Raises:
        OSError: if the disk refuses.
    """
    if os.name == "nt":  # there a folder cannot be opened, and NTFS journals its entries
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a FIFO",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return kinds.get(stat.S_IFMT(mode), "something else")
