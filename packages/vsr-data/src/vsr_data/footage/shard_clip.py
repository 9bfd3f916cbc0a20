"""Clips whose windows lie in tar files, each by itself, and are read at any place.

No file is kept open. A picture is compared with its digest when it is first read here, and with its
own checksums, as every PNG is, where there is none.
"""

import hashlib
import tarfile
from pathlib import Path
from typing import Any, Final

import numpy as np

from vsr_data.errors import DataError, UnusableFileError
from vsr_data.footage.clip import Clip
from vsr_data.footage.png import HEADER, decoded_rgb, size_in
from vsr_data.footage.shard_index import FILE, FILM, FRAME, GT, LQ, UNKNOWN, Rows
from vsr_data.pixels import Pixels, Size
from vsr_files import printable

REMEDY: Final = "restore the file, or prepare it again"


class ShardClip(Clip):
    """Windows of one size in shards, each by itself.

    Args:
        name: what reports call it.
        paths: the shards; places count into them.
        rows: where the windows are; at least one.
        lq_size: (height, width) of a low-resolution frame.
        scale: enlargement of each side.
        n_frames: frames of a window.
        films: what windows were cut from; places count into them.
    """

    is_ready_made = True
    is_sharded = True

    def __init__(
        self,
        name: str,
        paths: tuple[Path, ...],
        rows: Rows,
        lq_size: Size,
        *,
        scale: int,
        n_frames: int,
        films: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self._places_N7, self._digests_N2 = rows.places_N7(), rows.digests_N2()
        self.source = printable(paths[self._places_N7[0, FILE]])
        self.lq_size = lq_size
        self.gt_size = lq_size[0] * scale, lq_size[1] * scale
        self.windows = len(self._places_N7)
        self._paths = paths
        self._n_frames = n_frames
        self._films = films
        self._is_checked = np.zeros((self.windows, 2), np.bool_)

    def __getstate__(self) -> dict[str, Any]:
        unchecked = np.zeros_like(self._is_checked)  # another process checks for itself
        return {**self.__dict__, "_is_checked": unchecked}

    def window(self, i: int) -> tuple[Pixels, Pixels]:
        """The i-th window, read and decoded anew."""
        self._check(i)
        height, width = self.lq_size
        gt_HWC = self._picture(i, GT, self.gt_size)
        lq = self._picture(i, LQ, (height * self._n_frames, width))
        return lq.reshape(self._n_frames, height, width, 3), gt_HWC

    def origin(self, i: int) -> str:
        """The shard and the sample in it, and the film and the frame it was cut from."""
        self._check(i)
        shard = f"{printable(self._path(i))} {self._member(i)}"
        frame, film = (int(self._places_N7[i, column]) for column in (FRAME, FILM))
        if film == UNKNOWN:
            return shard
        return f"{shard}, {self._films[film]}{'' if frame == UNKNOWN else f' frame {frame}'}"

    def _member(self, i: int) -> str:
        """The name that the tar file has for a window."""
        offset = int(self._places_N7[i, GT])
        try:
            with self._path(i).open("rb") as file:
                file.seek(offset - tarfile.BLOCKSIZE)
                block = file.read(tarfile.BLOCKSIZE)
            member = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
            return printable(member.name.removesuffix(".gt.png"))
        except (OSError, tarfile.TarError):
            return f"at byte {offset}"

    def _path(self, i: int) -> Path:
        return self._paths[self._places_N7[i, FILE]]

    def _picture(self, i: int, column: int, size: Size) -> Pixels:
        try:
            data = self._bytes(i, column)
            self._compare(data, i, (GT, LQ).index(column))
            _require_size(data, size)
            return decoded_rgb(data)
        except UnusableFileError as error:
            raise DataError(
                f"sample {self._member(i)} of shard {printable(self._path(i))!r} is no longer "
                f"usable: {error}; {REMEDY}"
            ) from error

    def _compare(self, data: bytes, i: int, side: int) -> None:
        """Compare a picture with its digest, once in a process."""
        if self._digests_N2 is None or self._is_checked[i, side]:
            return
        if int.from_bytes(hashlib.sha256(data).digest()[:8]) != self._digests_N2[i, side]:
            raise UnusableFileError("its bytes have changed on the disk")
        self._is_checked[i, side] = True

    def _bytes(self, i: int, column: int) -> bytes:
        offset, count = (int(number) for number in self._places_N7[i, column : column + 2])
        try:
            with self._path(i).open("rb", buffering=0) as file:
                file.seek(offset)
                data = file.read(count)
        except OSError as error:
            raise UnusableFileError(f"it cannot be read: {error.strerror}") from error
        if len(data) < count:
            raise UnusableFileError("it has been cut short")
        return data


def _require_size(data: bytes, size: Size) -> None:
    """Look at a picture's header again: shards without digests may be other ones by now."""
    found = size_in(data[:HEADER])
    if found != size:
        raise UnusableFileError(f"it was {size[1]}×{size[0]} and is now {found[1]}×{found[0]}")
