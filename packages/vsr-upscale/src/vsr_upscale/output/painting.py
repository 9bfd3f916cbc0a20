"""Enlarged pictures into frames of a film's own codes: the way back of `vsr_data.video.colour`.

The matrix is applied in float32 with all of the film's depth; swscale only brings chroma to its
size. Codes are rounded, not dithered: an encoder takes dither for detail, and spends bits on it.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np
import torch
from av import VideoFrame
from numpy.typing import NDArray
from torch import Tensor

from vsr_data.video import YccCoding
from vsr_upscale.source import Film

RGB: Final = "rgb"
"""How names of pixel formats of red, green and blue begin, besides those with these in a row."""


@dataclass(frozen=True)
class Tags:
    """What a frame and its stream say of their colours."""

    matrix: int
    full_range: bool
    primaries: int
    transfer: int

    @classmethod
    def of(cls, film: Film) -> "Tags":
        """The film's own, with its matrix and range named where it left them to be guessed.

        A player guesses by size, and the size is another now.
        """
        coding = film.coding
        return cls(coding.matrix, coding.full_range, film.primaries, film.transfer)

    def put_on(self, target: Any) -> None:
        """Set them on a frame or on an encoder."""
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
    """

    def __init__(self, film: Film, pixel_format: str, depth: int) -> None:
        self._tags, self._format, self._depth = Tags.of(film), pixel_format, depth
        self._time_base = film.time_base
        self._is_rgb = is_rgb(pixel_format)
        coding = film.coding
        self._codes = YccCoding(coding.matrix, coding.full_range, depth).from_unit()

    def paint(self, sr_1CHW: Tensor, pts: int = 0) -> VideoFrame:
        """Make a frame.

        Args:
            sr_1CHW: RGB, clamped to [0, 1] here.
            pts: when it is shown, in ticks of the film's time base.
        """
        rgb_CHW = sr_1CHW[0].float().clamp(0, 1)
        frame = self._rgb(rgb_CHW) if self._is_rgb else self._ycc(rgb_CHW)
        frame.pts, frame.time_base = pts, Fraction(self._time_base)
        if not self._is_rgb:
            self._tags.put_on(frame)
        return frame

    def _ycc(self, rgb_CHW: Tensor) -> VideoFrame:
        matrix, offset = (part.to(rgb_CHW) for part in self._codes)
        codes = torch.addmm(offset[:, None], matrix, rgb_CHW.flatten(1)).round_()
        codes = codes.clamp_(0, 2**self._depth - 1).reshape(rgb_CHW.shape)
        whole = "yuv444p" if self._depth == 8 else f"yuv444p{self._depth}le"
        frame = _filled(whole, _integers(codes, self._depth))
        span = 2 if self._tags.full_range else 1
        return frame.reformat(
            format=self._format,
            interpolation="BICUBIC",
            src_colorspace="ITU709",  # both the same: the matrix is applied already
            dst_colorspace="ITU709",
            src_color_range=span,
            dst_color_range=span,
            threads=1,
        )

    def _rgb(self, rgb_CHW: Tensor) -> VideoFrame:
        deep = self._depth > 8
        codes = _integers(rgb_CHW.mul(65535 if deep else 255).round_(), 16 if deep else 8)
        interleaved = np.ascontiguousarray(codes.transpose(1, 2, 0))
        frame = VideoFrame.from_ndarray(interleaved, "rgb48le" if deep else "rgb24")
        return frame.reformat(format=self._format, threads=1)


def is_rgb(pixel_format: str) -> bool:
    """Whether a pixel format is of red, green and blue."""
    return any(name in pixel_format for name in (RGB, "bgr", "gbr"))


def _integers(codes: Tensor, depth: int) -> NDArray[Any]:
    """Codes as numpy has them; torch knows no 16-bit integers without a sign on every device."""
    if depth == 8:
        return codes.to(torch.uint8).cpu().numpy()
    return codes.to(torch.int32).cpu().numpy().astype(np.uint16)


def _filled(pixel_format: str, planes_CHW: NDArray[Any]) -> VideoFrame:
    _, height, width = planes_CHW.shape
    frame = VideoFrame(width, height, pixel_format)
    for plane, values in zip(frame.planes, planes_CHW, strict=True):
        rows = np.frombuffer(memoryview(plane), values.dtype)
        rows = rows.reshape(-1, plane.line_size // values.itemsize)
        rows[:height, :width] = values
    return frame
