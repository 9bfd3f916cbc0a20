"""The digest of a checkpoint, inside it, so that the two cannot part.

torch.save writes a zip archive, and a zip archive may end in a comment that every reader passes
over. The comment is the SHA-256 of all bytes before its length. It is computed as they are written:
nothing is read back.
"""

import hashlib
import re
import struct
from typing import BinaryIO

_COMMENT = re.compile(rb"vsr sha256 ([0-9a-f]{64})")
_LENGTH = len(b"vsr sha256 ") + 64
_NO_COMMENT = struct.pack("<H", 0)
_SIZE = struct.pack("<H", _LENGTH)
_CHUNK = 1 << 20


class DigestingFile:
    """What torch.save writes to: passes everything on, and keeps count and digest of it.

    Args:
        file: where the archive goes.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self._held = b""
        self.failure: OSError | None = None
        """Why the disk refused, if it did: torch reports that in words of its own."""

    def write(self, data: bytes | memoryview) -> int:
        """Write all but the last two bytes so far, which may be the comment's length."""
        view = memoryview(data)
        if len(view) < len(_NO_COMMENT):
            view = memoryview(self._held + view)
            self._held = b""
        self._pass_on(self._held)
        self._pass_on(view[: -len(_NO_COMMENT)])
        self._held = bytes(view[-len(_NO_COMMENT) :])
        return len(data)

    def flush(self) -> None:
        """Do nothing: the file is flushed when it is whole."""

    def end(self) -> None:
        """Write the comment.

        Raises:
            ValueError: if what was written does not end as a zip archive without a comment.
            OSError: if the disk refuses.
        """
        if self._held != _NO_COMMENT:
            raise ValueError("torch.save wrote no zip archive, or one with a comment")
        self._file.write(_SIZE + b"vsr sha256 " + self._sha256.hexdigest().encode())

    def _pass_on(self, data: bytes | memoryview) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            self.failure = error
            raise
        self._sha256.update(data)


def has_its_digest(file: BinaryIO) -> bool | None:
    """Tell whether an open file has the digest that it carries; None where it carries none."""
    before = file.seek(0, 2) - _LENGTH - len(_SIZE)
    if before < 0:
        return None
    file.seek(before)
    end = file.read()
    match = _COMMENT.fullmatch(end[len(_SIZE) :])
    if match is None or not end.startswith(_SIZE):
        return None
    return sha256(file, before) == match[1].decode()


def sha256(file: BinaryIO, size: int | None = None) -> str:
    """Return the SHA-256 of an open file, or of its first bytes, as hexadecimal digits."""
    left = file.seek(0, 2) if size is None else size
    file.seek(0)
    digest = hashlib.sha256()
    while chunk := file.read(min(_CHUNK, left)):
        digest.update(chunk)
        left -= len(chunk)
    return digest.hexdigest()
