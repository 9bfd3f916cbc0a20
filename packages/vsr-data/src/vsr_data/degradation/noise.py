"""Noise of a camera: of the light it counts, and of reading it.

Shape suffixes: H and W pixels, C channels.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vsr_data.pixels import Pixels

NEIGHBOURS: Final = 0.5  # of sensor noise, beside 1: what demosaicing leaves alike, each way

MANY: Final = 256  # photons of white from which counts are taken to be normally distributed


@dataclass(frozen=True)
class Grain:
    """Noise of one strength, new in every frame.

    Attributes:
        sigma: standard deviation everywhere, in levels of 255.
        photons: that make a white pixel; None where light is not counted.
        is_smooth: whether neighbours are a little alike, with the same deviations.
    """

    sigma: float
    photons: float | None = None
    is_smooth: bool = False


def noisy(lq_HWC: Pixels, grain: Grain, rng: np.random.Generator) -> Pixels:
    """Add noise to a frame.

    Args:
        lq_HWC: uint8 RGB.
        grain: its strength.
        rng: where it is drawn from.

    Returns:
        `lq_HWC`, rounded and cut off at black and white.
    """
    noise_HWC = _white_noise(lq_HWC, grain, rng)
    if grain.is_smooth:
        noise_HWC = _smoothed(noise_HWC)
    return (lq_HWC + noise_HWC).round().clip(0, 255).astype(np.uint8)


def _white_noise(lq_HWC: Pixels, grain: Grain, rng: np.random.Generator) -> NDArray[np.float32]:
    noise_HWC = rng.standard_normal(lq_HWC.shape, dtype=np.float32)
    if grain.photons is None:
        noise_HWC *= np.float32(grain.sigma)
        return noise_HWC
    unit = np.float32(grain.photons / 255)
    if grain.photons >= MANY:
        noise_HWC *= np.sqrt(np.float32(grain.sigma**2) + lq_HWC / unit)
        return noise_HWC
    expected = lq_HWC * unit
    counted = rng.poisson(expected).astype(np.float32)
    noise_HWC *= np.float32(grain.sigma)
    noise_HWC += (counted - expected) / unit
    return noise_HWC


def _smoothed(noise_HWC: NDArray[np.float32]) -> NDArray[np.float32]:
    middle = np.float32((1 + 2 * NEIGHBOURS**2) ** -0.5)  # which keeps the deviation
    side = np.float32(NEIGHBOURS) * middle
    for axis in (0, 1):
        length = noise_HWC.shape[axis]
        before = noise_HWC.take(np.arange(-1, length - 1), axis)  # around the edge: still noise
        after = noise_HWC.take(np.arange(1, length + 1) % length, axis)
        noise_HWC = middle * noise_HWC + side * (before + after)
    return noise_HWC
