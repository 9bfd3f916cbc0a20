"""Files of ours written: whole or not at all, and after a power cut still there once they are."""

import contextlib
import errno
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_PARTIAL = re.compile(r"\.[0-9a-f]{16}\.partial")


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
