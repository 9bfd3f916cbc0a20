"""A moving sub-pixel camera over a still photograph.

Positions are in photograph pixels, x to the right and y down, with pixel centres at halves. A frame
is resampled from the photograph in one go, with the cubic kernel (a = -0.5) widened to the frame's
pixel, so that it neither aliases nor blurs.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vsr_data.pixels import Pixels, Size

SUPPORT: Final = 2.0  # the cubic kernel's radius, in frame pixels
SLOWEST, FASTEST = 0.4, 3.0  # frame pixels per frame
SWAY: Final = 1.0  # frame pixels by which the hand departs from a straight line
ZOOM: Final = 0.03  # largest relative change of the reduction

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pose:
    """Where the camera looks: the frame's centre, and photograph pixels per frame pixel."""

    y: float
    x: float
    reduction: float


def film(photo_HWC: NDArray[np.float32], pose: Pose, size: Size) -> Pixels:
    """One frame.

    Args:
        photo_HWC: the photograph, RGB in [0, 255].
        pose: the camera's; the frame must lie within the photograph.
        size: (height, width) of the frame.

    Returns:
        `gt_HWC`, uint8 RGB.
    """
    rows = _taps(photo_HWC.shape[0], pose.y, pose.reduction, size[0])
    columns = _taps(photo_HWC.shape[1], pose.x, pose.reduction, size[1])
    left, right = int(columns.pixels.min()), int(columns.pixels.max()) + 1
    upright = np.zeros((size[0], right - left, 3), np.float32)
    for pixels, weights in zip(rows.pixels, rows.weights, strict=True):
        upright += weights[:, None, None] * photo_HWC[pixels, left:right]
    gt_HWC = np.zeros((*size, 3), np.float32)
    for pixels, weights in zip(columns.pixels, columns.weights, strict=True):
        gt_HWC += weights[:, None] * upright[:, pixels - left]
    return np.clip(np.rint(gt_HWC), 0, 255).astype(np.uint8)


def path(
    rng: np.random.Generator, photo_size: Size, size: Size, reduction: float, frames: int
) -> list[Pose]:
    """A smooth pan with a slight sway and zoom that stays within the photograph.

    Args:
        rng: decides direction, speed, sway, zoom and start.
        photo_size: (height, width) of the photograph.
        size: (height, width) of a frame; with `reduction` and `ZOOM` it must fit the photograph.
        reduction: photograph pixels per frame pixel.
        frames: how many poses.
    """
    t = np.arange(frames, dtype=np.float64)
    angle, speed = rng.uniform(0, 2 * np.pi), rng.uniform(SLOWEST, FASTEST)
    phases = rng.uniform(0, 2 * np.pi, 3)
    periods = rng.uniform(6, 18, 3)
    waves = np.sin(2 * np.pi * t / periods[:, None] + phases[:, None])
    reductions = reduction * (1 + ZOOM * waves[2])
    offsets = np.stack([np.sin(angle) * speed * t, np.cos(angle) * speed * t]) + SWAY * waves[:2]
    starts = rng.uniform(0, 1, 2)
    centres = [
        _within(offsets[axis] * reduction, size[axis] * reductions, photo_size[axis], starts[axis])
        for axis in (0, 1)
    ]
    poses = zip(centres[0], centres[1], reductions, strict=True)
    return [Pose(float(y), float(x), float(r)) for y, x, r in poses]


def _within(offsets: Floats, extents: Floats, length: int, start: float) -> Floats:
    """Centres along one axis, slowed down until the whole path fits; `start` in [0, 1]."""
    while True:
        low = float((extents / 2 - offsets).max())
        high = float((length - extents / 2 - offsets).min())
        if high >= low:
            return low + start * (high - low) + offsets
        if not offsets.any():
            raise ValueError(f"frames of {extents.max():.0f} pixels do not fit {length}")
        offsets = offsets * 0.7 if np.abs(offsets).max() > 0.1 else offsets * 0


@dataclass(frozen=True)
class Taps:
    """Which photograph pixels make each frame pixel, and with what weight; (taps, count) each."""

    pixels: NDArray[np.int64]
    weights: NDArray[np.float32]


def _taps(length: int, centre: float, reduction: float, count: int) -> Taps:
    centres = centre + (np.arange(count) + 0.5 - count / 2) * reduction
    width = max(reduction, 1.0)
    reach = int(np.ceil(SUPPORT * width))
    pixels = np.floor(centres).astype(np.int64) + np.arange(-reach, reach + 1)[:, None]
    weights = _cubic(np.abs(pixels + 0.5 - centres) / width)
    weights[(pixels < 0) | (pixels >= length)] = 0
    weights /= weights.sum(axis=0)
    return Taps(pixels.clip(0, length - 1), weights.astype(np.float32))


def _cubic(distance: Floats) -> Floats:
    """Keys' cubic convolution kernel with a = -0.5; doi:10.1109/TASSP.1981.1163711."""
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    return np.where(distance < 1, near, np.where(distance < SUPPORT, far, 0.0))
