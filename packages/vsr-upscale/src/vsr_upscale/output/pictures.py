"""Pictures written: a folder of numbered ones, or a single one; upright, for they have no tags."""

import re
from collections.abc import Mapping
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any, Final

from av import VideoFrame
from av.codec import CodecContext
from av.video.codeccontext import VideoCodecContext

from vsr_files import make_folder, printable, remove_partials, replacing
from vsr_upscale.errors import UpscaleError
from vsr_upscale.output.job import read_json, write_json

FORMATS: Final = {".png": "png", ".tif": "tiff", ".tiff": "tiff"}
"""Lossless kinds of pictures that are written, and libav's encoder of each."""

_NUMBERED: Final = re.compile(r"\d{8}\.png")


class PictureWriter:
    """Writes one picture, once it is known to be the only one.

    Args:
        out: its name.
    """

    patience_s = None

    def __init__(self, out: Path) -> None:
        self._out = out
        self._frame: VideoFrame | None = None
        self.done, self.size = 0, 0
        self.notes: list[str] = []

    def write(self, frame: VideoFrame, pts: int, duration: int) -> None:  # noqa: ARG002 - pictures have none
        """Take the picture.

        Raises:
            UpscaleError: if it is not the only one.
        """
        if self._frame is not None:
            raise UpscaleError(
                f"{printable(self._out)!r} is one picture, and the film has more; name a folder "
                "for them, as in 'pictures/', or ask for a --preview"
            )
        self._frame = frame

    def finish(self) -> None:
        """Write the picture.

        Raises:
            OSError: if the disk refuses.
        """
        if self._frame is not None:
            self.size = write_picture(self._frame, self._out)

    def stop(self) -> None:
        """There is nothing half done."""


class FolderWriter:
    """Writes numbered pictures into a folder, whole or not at all.

    Args:
        out: the folder; made with its first picture.
        identity: what must be the same for a later run to go on; of plain values.
        resume: whether to go on after pictures of an earlier run.
        overwrite: whether pictures that are there may be replaced.

    Raises:
        UpscaleError: if numbered pictures are there that may not be touched.
    """

    patience_s = None

    def __init__(
        self, out: Path, identity: Mapping[str, Any], *, resume: bool, overwrite: bool
    ) -> None:
        self._out, self._identity = out, dict(identity)
        self._described = out / ".unfinished.json"
        there = _numbered(out)
        before = read_json(self._described) if resume else None
        if there and before != self._identity and not overwrite:
            begun = "" if before is None else ", begun with something else"
            raise UpscaleError(
                f"{printable(out)!r} holds {len(there)} numbered pictures already{begun}; name "
                "another folder, or replace them with --overwrite"
                + ("" if resume or not self._described.exists() else ", or go on with --resume")
            )
        numbers = {int(path.stem) for path in there} if before == self._identity else set()
        self.done = next(number for number in count() if number + 1 not in numbers)
        self.size = sum(path.stat().st_size for path in there[: self.done])
        self._number, self._is_begun = self.done, False
        self.notes: list[str] = []

    def write(self, frame: VideoFrame, pts: int, duration: int) -> None:  # noqa: ARG002 - pictures have none
        """Write the next picture.

        Raises:
            OSError: if the disk refuses.
        """
        if not self._is_begun:
            self._begin()
        self._number += 1
        self.size += write_picture(frame, self._out / f"{self._number:08}.png")

    def finish(self) -> None:
        """Count the folder as whole."""
        self._described.unlink(missing_ok=True)

    def stop(self) -> None:
        """There is nothing half done."""

    def _begin(self) -> None:
        make_folder(self._out)
        remove_partials(self._out)
        for path in _numbered(self._out)[self.done :]:
            path.unlink()
        write_json(self._described, self._identity)
        self._is_begun = True


def _numbered(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _NUMBERED.fullmatch(path.name))


def write_picture(frame: VideoFrame, path: Path) -> int:
    """Write a frame of `rgb24` or `rgb48le` as a picture; return its bytes.

    Raises:
        OSError: if the disk refuses.
    """
    codec = FORMATS[path.suffix.lower()]
    if frame.format.name == "rgb48le" and codec == "png":
        frame = frame.reformat(format="rgb48be", threads=1)
    context = CodecContext.create(codec, "w")
    assert isinstance(context, VideoCodecContext)  # noqa: S101 - all of FORMATS are of video
    context.height, context.width = frame.height, frame.width
    context.pix_fmt, context.time_base = frame.format.name, Fraction(1)
    frame.pts, frame.time_base = 0, Fraction(1)
    data = b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])
    with replacing(path) as file:
        file.write(data)
    return len(data)
