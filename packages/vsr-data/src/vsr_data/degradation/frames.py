"""Small RGB frames as video keeps them, Y, Cb and Cr, and back as whoever reads video gets them.

Colour is kept at half the resolution where that is asked, each of its samples where `video.colour`
reads it, so that no colour moves: level with the left ones of the pixels it stands for where the
decoder says so of its frames, as most do, and amid all four where it does not. Frames are padded to
even sides by repeating their edge, and cropped again.

Shape suffixes: H and W pixels, h and w of a plane, C channels.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final, Literal

import numpy as np
from av import VideoFrame
from numpy.typing import NDArray

from vsr_data.pixels import Pixels, Size
from vsr_data.video.colour import HD_HEIGHT, YccCoding, rgb_from_frame
from vsr_settings.degradation import Interlacing

Chroma = Literal["full", "amid", "left"]
"""In full, or halved, each sample amid four pixels or level with the left two of them."""

Plane = NDArray[np.float32]
Planes = list[Plane]

LIMITED_RANGE: Final = 1  # AVCOL_RANGE_MPEG
NEARER: Final = 0.75  # weight of that one of a field's two rows which colour between them is nearer


def padded_size(size: Size, *, multiple: int = 2, least: int = 2) -> Size:
    """The sides of frames that a codec takes."""
    height, width = (max(least, -(-side // multiple) * multiple) for side in size)
    return height, width


def coding_for(size: Size) -> YccCoding:
    """The matrix that frames of a size are taken to have, in limited range."""
    return YccCoding(matrix=1 if size[0] >= HD_HEIGHT else 6, full_range=False, depth=8)


def whole_frames(lq: Iterable[Pixels], size: Size, chroma: Chroma) -> Iterator[VideoFrame]:
    """Frames of one moment each.

    Args:
        lq: `lq_HWC`, uint8 RGB.
        size: what they are padded to.
        chroma: the resolution of colour.
    """
    for number, lq_HWC in enumerate(lq):
        luma, *colour = _planes(lq_HWC, size)
        if chroma != "full":
            colour = [_halved(plane, chroma) for plane in colour]
        yield _frame([luma, *colour], number)


def woven_frames(
    lq: Iterable[Pixels], size: Size, chroma: Chroma, order: Interlacing
) -> Iterator[VideoFrame]:
    """Frames of two moments each: half as many, the last repeated where their number is odd.

    Colour is halved within each field, weighted so that it lies where a whole frame's would.

    Args:
        lq: `lq_HWC`, uint8 RGB.
        size: what they are padded to; its height a multiple of 4.
        chroma: the resolution of colour.
        order: which field comes first.
    """
    upper_comes = 0 if order == "tff" else 1
    pair: list[Planes] = []
    number = 0
    for lq_HWC in lq:
        pair.append(_planes(lq_HWC, size))
        if len(pair) == 2:
            yield _frame(_woven(pair[upper_comes], pair[1 - upper_comes], chroma), number)
            pair, number = [], number + 1
    if pair:
        yield _frame(_woven(pair[0], pair[0], chroma), number)


def rgb_frames(frames: Iterable[VideoFrame], size: Size) -> Iterator[Pixels]:
    """Read frames as training reads video.

    Args:
        frames: of limited range and the matrix of `coding_for`.
        size: what they are cropped to.

    Yields:
        `lq_HWC`, uint8.
    """
    for frame in frames:
        frame.colorspace = coding_for((frame.height, frame.width)).matrix
        frame.color_range = LIMITED_RANGE
        yield np.ascontiguousarray(rgb_from_frame(frame)[: size[0], : size[1]])


def _planes(lq_HWC: Pixels, size: Size) -> Planes:
    """Y, Cb and Cr at full resolution, in codes, not rounded."""
    height, width = lq_HWC.shape[:2]
    margins = ((0, size[0] - height), (0, size[1] - width), (0, 0))
    padded = np.moveaxis(np.pad(lq_HWC, margins, mode="edge"), -1, 0).astype(np.float32)
    matrix, offset = _to_codes(size)
    ycc_3HW = (matrix @ padded.reshape(3, -1) + offset).reshape(3, *size)
    return list(ycc_3HW)


@lru_cache(maxsize=8)
def _to_codes(size: Size) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Matrix and offset that take R, G and B of 255 levels to codes."""
    matrix, offset = (part.numpy() for part in coding_for(size).from_unit())
    return (matrix / 255).astype(np.float32), offset.astype(np.float32)[:, None]


def _woven(upper: Planes, lower: Planes, chroma: Chroma) -> Planes:
    planes = []
    for number, (above, below) in enumerate(zip(upper, lower, strict=True)):
        fields = above[::2], below[1::2]
        if number > 0 and chroma != "full":
            upper_hw, lower_hw = fields
            fields = _halved(upper_hw, chroma, NEARER), _halved(lower_hw, chroma, 1 - NEARER)
        planes.append(np.stack(fields, axis=1).reshape(-1, fields[0].shape[1]))
    return planes


def _halved(plane_hw: Plane, chroma: Chroma, first: float = 0.5) -> Plane:
    """Halve both sides; `first` is the weight of the upper one of two rows."""
    upper, lower, half = (np.float32(weight) for weight in (first, 1 - first, 0.5))
    rows = upper * plane_hw[::2] + lower * plane_hw[1::2]
    amid = half * (rows[:, ::2] + rows[:, 1::2])
    if chroma == "amid":
        return amid
    before = half * (np.roll(rows[:, 1::2], 1, axis=1) + rows[:, ::2])
    before[:, 0] = rows[:, 0]
    return half * (before + amid)  # a quarter, a half and a quarter around the left column


def _frame(planes: Planes, number: int) -> VideoFrame:
    height, width = planes[0].shape
    frame = VideoFrame(width, height, "yuv420p" if len(planes[1]) < height else "yuv444p")
    for plane, values in zip(frame.planes, planes, strict=True):
        codes = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        codes[: len(values), : values.shape[1]] = values.round().clip(0, 255)
    frame.pts = number
    frame.colorspace = coding_for((height, width)).matrix
    frame.color_range = LIMITED_RANGE
    return frame
