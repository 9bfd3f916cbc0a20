"""Pictures written: a folder of numbered ones, or a single one; upright, for they have no tags."""

import re
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
from av import VideoFrame
from av.codec import CodecContext
from av.video.codeccontext import VideoCodecContext

from vsr_files import make_folder, printable, remove_partials, replacing
from vsr_upscale.errors import UpscaleError
from vsr_upscale.source import Film

FORMATS: Final = {".png": "png", ".tif": "tiff", ".tiff": "tiff"}
"""Lossless kinds of pictures that are written, and libav's encoder of each."""

_NUMBERED: Final = re.compile(r"\d{8}\.png")


class PictureWriter:
    """Writes one picture.

    Args:
        out: its name.
    """

    def __init__(self, out: Path, film: Film) -> None:
        self._out, self._film = out, film
        self.done, self.size = 0, 0
        self.notes: list[str] = []

    def write(self, frame: VideoFrame, duration: int) -> None:  # noqa: ARG002 - a picture has none
        """Write the picture.

        Raises:
            UpscaleError: if it is not the only one.
            OSError: if the disk refuses.
        """
        if self.size:
            raise UpscaleError(
                f"{printable(self._out)!r} is one picture, and the film has more; name a folder "
                "for them, as in 'pictures/', or ask for a --preview"
            )
        self.size = write_picture(frame, self._out, self._film.quarter_turns)

    def finish(self) -> None:
        """There is nothing left to do."""

    def stop(self) -> None:
        """There is nothing half done."""


class FolderWriter:
    """Writes numbered pictures into a folder, whole or not at all.

    Args:
        out: the folder; made if it is not there.
        film: what is enlarged.
        resume: whether pictures that are there already are kept, as an earlier run's.
        overwrite: whether they may be replaced.

    Raises:
        UpscaleError: if numbered pictures are there that may not be touched.
    """

    def __init__(self, out: Path, film: Film, *, resume: bool, overwrite: bool) -> None:
        make_folder(out)
        remove_partials(out)
        self._out, self._film = out, film
        there = sorted(path for path in out.iterdir() if _NUMBERED.fullmatch(path.name))
        if there and not resume and not overwrite:
            raise UpscaleError(
                f"{printable(out)!r} holds {len(there)} numbered pictures already; name another "
                "folder, go on with --resume, or replace them with --overwrite"
            )
        if not resume:
            for path in there:
                path.unlink()
            there = []
        numbers = {int(path.stem) for path in there}
        self.done = next(number for number in range(len(there) + 1) if number + 1 not in numbers)
        self.size = sum(path.stat().st_size for path in there[: self.done])
        self._number = self.done
        self.notes: list[str] = []

    def write(self, frame: VideoFrame, duration: int) -> None:  # noqa: ARG002 - pictures have none
        """Write the next picture.

        Raises:
            OSError: if the disk refuses.
        """
        self._number += 1
        path = self._out / f"{self._number:08}.png"
        self.size += write_picture(frame, path, self._film.quarter_turns)

    def finish(self) -> None:
        """There is nothing left to do."""

    def stop(self) -> None:
        """There is nothing half done."""


def write_picture(frame: VideoFrame, path: Path, quarter_turns: int) -> int:
    """Write a frame of `rgb24` or `rgb48` as a picture, turned upright; return its bytes.

    Raises:
        OSError: if the disk refuses.
    """
    deep = frame.format.name.startswith("rgb48")
    pixels_HWC: Any = frame.to_ndarray(format="rgb48le" if deep else "rgb24")
    upright: Any = np.ascontiguousarray(np.rot90(pixels_HWC, quarter_turns))
    turned = VideoFrame.from_ndarray(upright, "rgb48le" if deep else "rgb24")
    codec = FORMATS[path.suffix.lower()]
    if deep:
        turned = turned.reformat(format="rgb48be" if codec == "png" else "rgb48le", threads=1)
    context = CodecContext.create(codec, "w")
    assert isinstance(context, VideoCodecContext)  # noqa: S101 - all of FORMATS are of video
    context.height, context.width = turned.height, turned.width
    context.pix_fmt, context.time_base = turned.format.name, Fraction(1)
    turned.pts = 0
    data = b"".join(bytes(packet) for packet in [*context.encode(turned), *context.encode(None)])
    with replacing(path) as file:
        file.write(data)
    return len(data)
