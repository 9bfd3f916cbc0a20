"""A decoded video frame in, 8-bit RGB out, with the frame's own matrix, range, depth and rotation.

swscale only brings chroma to full size, where it changes no luma value. The matrix is applied here
in float32, because swscale's fast paths for 4:2:0 are off by up to three code values and repeat
chroma instead of interpolating it. Transfer functions are left as they are: no tone mapping.
"""

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


def rgb_from_frame(frame: VideoFrame) -> Pixels:
    """Convert a frame of any pixel format to RGB.

    Args:
        frame: as decoded; a frame without a matrix counts as BT.709 from 720 rows on, else BT.601.

    Returns:
        `rgb_HWC`, uint8, rotated upright.
    """
    if frame.format.is_rgb or frame.format.has_palette:
        rgb_HWC = _rgb_pixels(frame)
    else:
        rgb_HWC = _apply_matrix(_ycc_planes(frame), *_matrix(frame))
    return np.ascontiguousarray(np.rot90(rgb_HWC, quarter_turns(frame.rotation)))


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


def _rgb_pixels(frame: VideoFrame) -> Pixels:
    deep = not frame.format.has_palette and _depth(frame) > 8
    converted = frame.reformat(format="rgb48le" if deep else "rgb24", threads=SWSCALE_THREADS)
    plane = _plane(converted, 0, np.dtype("<u2") if deep else np.dtype("u1"), samples=3)
    if deep:
        plane = (plane.astype(np.float32) / 257).round().astype(np.uint8)
    return plane.reshape(frame.height, frame.width, 3)


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


def _matrix(frame: VideoFrame) -> tuple[torch.Tensor, torch.Tensor]:
    """Matrix and offset that take 8-bit code values of Y, Cb, Cr to R, G, B in [0, 255]."""
    unspecified = 1 if frame.height >= HD_HEIGHT else 6
    red, blue = LUMA_WEIGHTS.get(int(frame.colorspace), LUMA_WEIGHTS[unspecified])
    green = 1 - red - blue
    depth = _depth(frame)
    whole = (2**depth - 1) / 2 ** (depth - 8)
    full = is_full_range(frame)
    black, y_span, c_span = (0.0, whole, whole) if full else (16.0, 219.0, 224.0)
    to_rgb = np.array(
        [
            [1, 0, 2 * (1 - red)],
            [1, -2 * (1 - blue) * blue / green, -2 * (1 - red) * red / green],
            [1, 2 * (1 - blue), 0],
        ]
    )
    matrix = to_rgb * (255 / np.array([y_span, c_span, c_span]))
    offset = -matrix @ np.array([black, 128.0, 128.0])
    return torch.from_numpy(matrix).float(), torch.from_numpy(offset).float()


def _apply_matrix(ycc_3HW: torch.Tensor, matrix: torch.Tensor, offset: torch.Tensor) -> Pixels:
    rgb = torch.addmm(offset[:, None], matrix, ycc_3HW.flatten(1))
    rgb_3HW = rgb.round_().clamp_(0, 255).to(torch.uint8).reshape(ycc_3HW.shape)
    return rgb_3HW.permute(1, 2, 0).contiguous().numpy()


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
