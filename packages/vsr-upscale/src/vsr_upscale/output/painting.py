"""Enlarged pictures into frames of a film's own codes: the way back of `vsr_data.video.colour`.

Matrix and chroma are computed in float32 with all of the film's depth, and rounded once. Codes are
not dithered: an encoder takes dither for detail, and spends bits on it.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from av import VideoFormat, VideoFrame
from numpy.typing import NDArray
from torch import Tensor

from vsr_data.video import YccCoding
from vsr_upscale.source import Film

Planes = tuple[NDArray[Any], ...]
"""A frame's samples: of luma and both chromas, or of red, green and blue."""

RGB_MATRIX: Final = 0  # AVCOL_SPC_RGB


@dataclass(frozen=True)
class Tags:
    """What a frame and its stream say of their colours."""

    matrix: int
    full_range: bool
    primaries: int
    transfer: int

    @classmethod
    def of(cls, film: Film, pixel_format: str) -> "Tags":
        """The film's own, with its matrix and range named where it left them to be guessed.

        A player guesses by size, and the size is another now.
        """
        if is_rgb(pixel_format):
            return cls(
                RGB_MATRIX, full_range=True, primaries=film.primaries, transfer=film.transfer
            )
        return cls(film.matrix, film.coding.full_range, film.primaries, film.transfer)

    def put_on(self, target: Any) -> None:
        """Set them on a frame, an encoder or a stream's description."""
        target.colorspace = self.matrix
        target.color_range = 2 if self.full_range else 1
        target.color_primaries = self.primaries
        target.color_trc = self.transfer


class Painter:
    """Makes frames of enlarged pictures.

    Args:
        film: whose colours they keep.
        pixel_format: as libav names it; of luma and chroma, or of RGB.
        depth: bits of a sample of it.
        turns: counter-clockwise quarter turns of the pictures, where no tag will tell a player.
    """

    def __init__(self, film: Film, pixel_format: str, depth: int, turns: int = 0) -> None:
        self._tags, self._format, self._depth = Tags.of(film, pixel_format), pixel_format, depth
        self._time_base, self._turns = film.time_base, turns
        self._is_rgb = is_rgb(pixel_format)
        self._subsampling = (1, 1) if self._is_rgb else subsampling(pixel_format)
        coding = film.coding
        self._codes = YccCoding(coding.matrix, coding.full_range, depth).from_unit()

    def samples(self, sr_1CHW: Tensor) -> Planes:
        """Compute a picture's samples where it lies, and bring them to the host.

        Args:
            sr_1CHW: RGB, clamped to [0, 1] here.
        """
        rgb_CHW = torch.rot90(sr_1CHW[0].float().clamp(0, 1), self._turns, (1, 2))
        if self._is_rgb:
            return tuple(self._rounded(channel * self._largest) for channel in rgb_CHW)
        matrix, offset = (part.to(rgb_CHW) for part in self._codes)
        codes = torch.addmm(offset[:, None], matrix, rgb_CHW.flatten(1)).reshape(rgb_CHW.shape)
        chroma_2HW = _reduced(codes[1:], *self._subsampling)
        return tuple(self._rounded(plane) for plane in (codes[0], *chroma_2HW))

    def frame(self, planes: Planes, pts: int = 0) -> VideoFrame:
        """Make a frame of samples.

        Args:
            planes: as `samples` returns them.
            pts: when it is shown, in ticks of the film's time base.
        """
        frame = self._packed(planes) if self._is_rgb else self._planar(planes)
        frame.pts, frame.time_base = pts, Fraction(self._time_base)
        self._tags.put_on(frame)
        return frame

    @property
    def _largest(self) -> int:
        return 2 ** (16 if self._is_rgb and self._depth > 8 else self._depth) - 1

    def _rounded(self, codes: Tensor) -> NDArray[Any]:
        whole = codes.round().clamp_(0, self._largest)
        if self._largest <= 255:
            return whole.to(torch.uint8).cpu().numpy()
        # torch knows no 16-bit integers without a sign on every device
        return whole.to(torch.int32).cpu().numpy().astype(np.uint16)

    def _planar(self, planes: Planes) -> VideoFrame:
        wide, high = self._subsampling
        chroma = {(1, 1): "444", (2, 1): "422", (2, 2): "420"}[wide, high]
        named = f"yuv{chroma}p" if self._depth == 8 else f"yuv{chroma}p{self._depth}le"
        height, width = planes[0].shape
        frame = VideoFrame(width, height, named)
        for plane, values in zip(frame.planes, planes, strict=True):
            rows = np.frombuffer(memoryview(plane), values.dtype)
            rows = rows.reshape(-1, plane.line_size // values.itemsize)
            rows[: values.shape[0], : values.shape[1]] = values
        # Formats that hold the same samples in another order are filled by swscale, which then
        # computes nothing.
        return frame if named == self._format else frame.reformat(format=self._format, threads=1)

    def _packed(self, planes: Planes) -> VideoFrame:
        together: Any = np.ascontiguousarray(np.stack(planes, axis=-1))
        frame = VideoFrame.from_ndarray(together, "rgb24" if self._depth == 8 else "rgb48le")
        return frame.reformat(format=self._format, threads=1)


def is_rgb(pixel_format: str) -> bool:
    """Whether a pixel format is of red, green and blue."""
    return VideoFormat(pixel_format).is_rgb


def subsampling(pixel_format: str) -> tuple[int, int]:
    """Columns and rows of luma to a sample of chroma."""
    luma, chroma, *_ = VideoFormat(pixel_format, 64, 64).components
    return luma.width // chroma.width, luma.height // chroma.height


def _reduced(chroma_2HW: Tensor, wide: int, high: int) -> Tensor:
    """Chroma at its own size, as H.273 sites it: on every other column, between rows.

    That is where players look for it where a film does not say, and where decoding here does.
    """
    if wide == 2:
        padded = F.pad(chroma_2HW, (1, 1, 0, 0), mode="replicate")
        chroma_2HW = (padded[..., :-2:2] + 2 * padded[..., 1:-1:2] + padded[..., 2::2]) / 4
    if high == 2:
        chroma_2HW = (chroma_2HW[:, ::2] + chroma_2HW[:, 1::2]) / 2
    return chroma_2HW
