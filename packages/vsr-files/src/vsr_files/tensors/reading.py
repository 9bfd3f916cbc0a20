"""From a path to what the file holds: the border that everything foreign passes."""

import io
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from vsr_files import ForeignFileError, open_regular
from vsr_files.tensors.archives import is_archive, read_archive, read_legacy
from vsr_files.tensors.description import StoredTensor
from vsr_files.tensors.safetensors import is_safetensors, read_safetensors

MAX_READ = 1 << 24
"""Bytes taken at once of anything but tensors: no header, pickle or index of weights is longer."""


@dataclass(frozen=True)
class Contents:
    """What a file holds."""

    value: Any
    """Containers, numbers, texts, tensors as `make` made them, and `Opaque` for all else."""
    metadata: dict[str, str] = field(default_factory=dict)
    """Of a safetensors file; empty for what torch.save wrote."""


def read(path: str | os.PathLike[str], make: Callable[[StoredTensor], Any]) -> Contents:
    """Read a file of torch.save (since 1.6, or older) or of safetensors, told apart by content.

    Args:
        path: the file.
        make: makes a tensor that shares the bytes of what is described. It must not look at
            them: an older torch's are filled in afterwards.

    Raises:
        ForeignFileError: whatever is wrong with the file, short of an interrupt.
    """
    with _Bounded(open_regular(path).detach()) as file:
        try:
            return _read(file, make)
        except ForeignFileError:
            raise
        except MemoryError as error:
            raise ForeignFileError("it takes more memory than there is") from error
        except Exception as error:  # whatever reading it raises is the file's fault
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise ForeignFileError(f"it is damaged or cut short ({reason[:200]})") from error


def _read(file: "_Bounded", make: Callable[[StoredTensor], Any]) -> Contents:
    size = os.fstat(file.fileno()).st_size
    start = file.read(16)
    file.seek(0)
    if not start:
        raise ForeignFileError("it is empty")
    if is_archive(start):
        return Contents(read_archive(file, size, make))
    if is_safetensors(start):
        return Contents(*read_safetensors(file, size, make))
    if start[0] == 0x80:  # the first byte of a pickle
        return Contents(read_legacy(file, size, make))
    raise ForeignFileError("neither torch.save nor safetensors wrote it")


class _Bounded(io.BufferedReader):
    """A file of which no declared length takes more than `MAX_READ` at once.

    Numbers are read in smaller pieces, into memory whose size was compared with the file's.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        return self._checked(super().read(_capped(size)))

    def readline(self, size: int | None = -1, /) -> bytes:
        return self._checked(super().readline(_capped(size)))

    @staticmethod
    def _checked(data: bytes) -> bytes:
        if len(data) > MAX_READ:
            raise ForeignFileError(f"its index or header is over {MAX_READ:,} bytes long")
        return data


def _capped(size: int | None) -> int:
    return MAX_READ + 1 if size is None or size < 0 else min(size, MAX_READ + 1)
