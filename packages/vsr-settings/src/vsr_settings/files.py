"""Files from outside opened, and files of ours written, so that neither can surprise anybody.

Only regular files are opened: a FIFO, a device or a folder is refused in words and never waits.
What is written appears whole or not at all, and is there after a power cut once it is there.
"""

import contextlib
import io
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


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
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Put the folder's entry on the disk too: without it a power cut can undo the renaming."""
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
