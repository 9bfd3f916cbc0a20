"""A decoded video frame in, RGB out, with the frame's own matrix, range, depth and rotation.

Training reads 8-bit RGB, upright; whoever keeps all that a frame has reads RGB in [0, 1], as coded.
swscale only brings chroma to full size, where it changes no luma value. The matrix is applied here
in float32, because swscale's fast paths for 4:2:0 are off by up to three code values and repeat
chroma instead of interpolating it. Transfer functions are left as they are: no tone mapping.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from av import VideoFrame
from numpy.typing import NDArray

from vsr_data.pixels import Pixels

FULL_RANGE: Final = 2  # AVCOL_RANGE_JPEG
HD_HEIGHT: Final = 720
SWSCALE_THREADS: Final = 1  # several race: 1 deep frame in 300 got 8 wrong pixels where slices meet

# Weights of red and blue in luma, by AVCOL_SPC_*: ITU-T H.273, table 4.
LUMA_WEIGHTS: Final[dict[int, tuple[float, float]]] = {
    1: (0.2126, 0.0722),  # BT.709
    4: (0.30, 0.11),  # FCC
    5: (0.299, 0.114),  # BT.470 BG, the same as BT.601
    6: (0.299, 0.114),  # BT.601
    7: (0.212, 0.087),  # SMPTE 240M
    9: (0.2627, 0.0593),  # BT.2020, non-constant luminance
    10: (0.2627, 0.0593),  # BT.2020, constant luminance: the nearest linear matrix
}


@dataclass(frozen=True)
class YccCoding:
    """How codes of luma and chroma stand for colours.

    Attributes:
        matrix: ITU-T H.273's number, one of `LUMA_WEIGHTS`.
        full_range: whether black is code 0.
        depth: bits to a code, at least 8.
    """

    matrix: int
    full_range: bool
    depth: int

    def to_rgb(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Matrix and offset that take Y, Cb, Cr in 8-bit codes to R, G, B in [0, 255], in fp64."""
        red, blue = LUMA_WEIGHTS[self.matrix]
        green = 1 - red - blue
        whole = (2**self.depth - 1) / 2 ** (self.depth - 8)
        black, y_span, c_span = (0.0, whole, whole) if self.full_range else (16.0, 219.0, 224.0)
        to_rgb = np.array(
            [
                [1, 0, 2 * (1 - red)],
                [1, -2 * (1 - blue) * blue / green, -2 * (1 - red) * red / green],
                [1, 2 * (1 - blue), 0],
            ]
        )
        matrix = to_rgb * (255 / np.array([y_span, c_span, c_span]))
        offset = -matrix @ np.array([black, 128.0, 128.0])
        return torch.from_numpy(matrix), torch.from_numpy(offset)

    def from_unit(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Matrix and offset that take R, G, B in [0, 1] to codes of this depth, in fp64."""
        matrix, offset = self.to_rgb()
        inverse = torch.linalg.inv(matrix) * 2.0 ** (self.depth - 8)
        return inverse * 255, -inverse @ offset


def coding_of(frame: VideoFrame) -> YccCoding:
    """How a frame's codes stand for colours, whether it says so or leaves it to be guessed.

    A frame without a matrix, RGB among them, counts as BT.709 from 720 rows on, else BT.601.
    """
    unspecified = 1 if frame.height >= HD_HEIGHT else 6
    matrix = int(frame.colorspace)
    known = matrix if matrix in LUMA_WEIGHTS else unspecified
    return YccCoding(known, is_full_range(frame), _depth(frame))


def rgb_from_frame(frame: VideoFrame) -> Pixels:
    """Convert a frame of any pixel format to 8-bit RGB.

    Args:
        frame: as decoded; a frame without a matrix counts as BT.709 from 720 rows on, else BT.601.

    Returns:
        `rgb_HWC`, uint8, rotated upright.
    """
    if _is_rgb(frame):
        rgb_HWC = _rgb_pixels(frame).round().astype(np.uint8)
    else:
        rgb_3HW = _from_ycc(frame).round_().clamp_(0, 255).to(torch.uint8)
        rgb_HWC = rgb_3HW.permute(1, 2, 0).contiguous().numpy()
    return np.ascontiguousarray(np.rot90(rgb_HWC, quarter_turns(frame.rotation)))


def unit_from_frame(frame: VideoFrame) -> torch.Tensor:
    """Convert a frame of any pixel format to RGB with all of its depth.

    Args:
        frame: as decoded.

    Returns:
        `rgb_3HW`, float32 in [0, 1], as coded: not rotated.
    """
    if _is_rgb(frame):
        rgb_3HW = torch.from_numpy(_rgb_pixels(frame)).permute(2, 0, 1).contiguous()
    else:
        rgb_3HW = _from_ycc(frame)
    return rgb_3HW.div_(255).clamp_(0, 1)


def quarter_turns(rotation: float) -> int:
    """Counter-clockwise quarter turns that put a frame upright; 0 for anything but multiples of 90.

    Args:
        rotation: degrees from the display matrix; damaged files give absurd ones.
    """
    if abs(rotation) > 360 or rotation % 90:
        return 0
    return round(rotation / 90) % 4


def is_full_range(frame: VideoFrame) -> bool:
    """Whether black is code 0, as the frame says or its `yuvj` format implies."""
    return int(frame.color_range) == FULL_RANGE or frame.format.name.startswith("yuvj")


def _is_rgb(frame: VideoFrame) -> bool:
    return frame.format.is_rgb or frame.format.has_palette


def _rgb_pixels(frame: VideoFrame) -> NDArray[np.float32]:
    """`rgb_HWC` in [0, 255]; deeper pictures have fractions."""
    deep = not frame.format.has_palette and _depth(frame) > 8
    converted = frame.reformat(format="rgb48le" if deep else "rgb24", threads=SWSCALE_THREADS)
    plane = _plane(converted, 0, np.dtype("<u2") if deep else np.dtype("u1"), samples=3)
    rgb_HWC = plane.reshape(frame.height, frame.width, 3).astype(np.float32)
    return rgb_HWC / np.float32(257) if deep else rgb_HWC


def _ycc_planes(frame: VideoFrame) -> torch.Tensor:
    """`ycc_3HW`, float32, in 8-bit code values; deeper video has fractions."""
    depth = _depth(frame)
    if frame.format.name.startswith("gray"):  # swscale would stretch its range
        kind = np.dtype("u1") if depth == 8 else _word(frame)
        luma = _plane(frame, 0, kind).astype(np.float32) / 2 ** (depth - 8)
        ycc_3HW = torch.full((3, *luma.shape), 128.0)
        ycc_3HW[0] = torch.from_numpy(luma)
        return ycc_3HW
    wanted, kind, unit = "yuv444p", np.dtype("u1"), 1.0
    if depth > 8:
        wanted, kind, unit = "yuv444p16le", np.dtype("<u2"), 256.0
    elif frame.format.name.startswith("yuvj"):
        wanted = "yuvj444p"
    span = FULL_RANGE if is_full_range(frame) else 1
    converted = frame.reformat(
        format=wanted,
        interpolation="BICUBIC",
        src_colorspace="ITU709",  # both the same: the matrix is not swscale's business here
        dst_colorspace="ITU709",
        src_color_range=span,
        dst_color_range=span,
        threads=SWSCALE_THREADS,
    )
    ycc_3HW = torch.empty(3, frame.height, frame.width)
    for i in range(3):
        ycc_3HW[i] = torch.from_numpy(_plane(converted, i, kind).astype(np.float32))
    return ycc_3HW.div_(unit)


def _from_ycc(frame: VideoFrame) -> torch.Tensor:
    """`rgb_3HW` in [0, 255], not rounded, and beyond where codes stand for no colour."""
    ycc_3HW = _ycc_planes(frame)
    matrix, offset = (part.float() for part in coding_of(frame).to_rgb())
    return torch.addmm(offset[:, None], matrix, ycc_3HW.flatten(1)).reshape(ycc_3HW.shape)


def _depth(frame: VideoFrame) -> int:
    depth = max(component.bits for component in frame.format.components)
    if depth > 16:
        raise ValueError(f"{depth} bits to a sample are too many")
    return max(8, depth)


def _word(frame: VideoFrame) -> np.dtype[np.uint16]:
    return np.dtype(">u2" if frame.format.is_big_endian else "<u2")


def _plane(
    frame: VideoFrame, index: int, kind: np.dtype[np.uint8] | np.dtype[np.uint16], samples: int = 1
) -> NDArray[Any]:
    """A plane without its padding, rows × (columns · samples)."""
    plane = frame.planes[index]
    rows = np.frombuffer(memoryview(plane), kind).reshape(-1, plane.line_size // kind.itemsize)
    return rows[: frame.height, : frame.width * samples]
