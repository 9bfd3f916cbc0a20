"""Files from outside opened: only regular ones, in words where they are not, without waiting."""

import io
import os
import stat


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


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a FIFO",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return kinds.get(stat.S_IFMT(mode), "something else")
