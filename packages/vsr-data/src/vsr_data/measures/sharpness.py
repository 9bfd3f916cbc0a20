"""Whether a film was enlarged before: whether its sharpest edges are as steep as pixels allow.

An edge in a sharp film rises within a pixel or two somewhere, and a codec keeps such edges, which
stand out, whatever else it drops; interpolation spreads each over as many pixels as it enlarges by.
How steep the steepest are is judged as in Marziliano et al., "Perceptual blur and ringing metrics",
2004 (doi:10.1016/j.image.2003.08.003), whose edge width is the inverse of this. A film that is
merely soft has edges like those of an enlargement by two, but not its empty spectrum.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from vsr_data.measures.luma import Luma, as_float

REACH: Final = 4
"""Pixels to either side of a step that its edge may take."""

CONTRAST: Final = 40
"""Levels that an edge has at least, far more than noise or a codec's errors."""

DARK: Final = 24
"""Edges that reach down to this level are left out: those of black bars are always sharp."""

EVERY: Final = 4
"""Of so many rows, and columns, one is looked at."""

STEEPEST: Final = 0.99
"""Share of edges that are less steep than the steepness that counts."""

LEAST: Final = 500
"""Edges without which nothing is known."""

SURE: Final = 0.46
"""Steepness below which no film in focus has been seen; enlarged three times, all are below."""

SOFT: Final = 0.75
"""Steepness below which a film may have been enlarged twice, if its spectrum is empty too."""

EMPTY_DB: Final = -41.0
"""Power near the highest frequency over that at a sixteenth of a cycle per pixel, in dB, below
which a spectrum is empty at a steepness of 0.62. Of films as they come from cameras and codecs,
those as soft as that had -39 at least, and those enlarged twice without coding -40 to -52."""

EMPTIER_DB: Final = 45.0
"""How much emptier a spectrum has to be the steeper edges are, in dB."""

PER_PIXEL: Final = 1.25
"""Steepness times the factor of an enlargement, in all pictures about the same."""

FACTORS: Final = (1.5, 2.0, 3.0, 4.0)
BLOCK: Final = 64  # side of the parts that a spectrum is taken of
MOST_BLOCKS: Final = 16  # of a frame
BINS: Final = 100
WINDOW: Final = np.outer(np.hanning(BLOCK + 2)[1:-1], np.hanning(BLOCK + 2)[1:-1])


class Sharpness:
    """Gathers the edges and the spectrum of a film's frames."""

    def __init__(self) -> None:
        self._edges = np.zeros(BINS + 1, np.int64)
        self._power = np.zeros((BLOCK, BLOCK))

    def add(self, luma_HW: Luma) -> None:
        """Take up a frame at full size."""
        for one in (luma_HW[EVERY // 2 :: EVERY], luma_HW.T[EVERY // 2 :: EVERY]):
            self._edges += np.bincount(_steepness(one), minlength=BINS + 1)
        self._power += _power(luma_HW)

    def steepness(self) -> float | None:
        """Part of its height that the sharpest edges rise from one pixel to the next.

        Returns:
            At most 1; None where there are too few edges.
        """
        total = np.cumsum(self._edges)
        if total[-1] < LEAST:
            return None
        return float(np.searchsorted(total, STEEPEST * total[-1])) / BINS

    def enlarged(self) -> float:
        """The factor that the film was enlarged by, roughly; 1 where that is not sure."""
        steepness = self.steepness()
        if steepness is None or steepness > SOFT:
            return 1.0
        empty = EMPTY_DB - EMPTIER_DB * (steepness - 0.62)
        if steepness > SURE and _emptiest_db(self._power) > empty:
            return 1.0
        factor = PER_PIXEL / max(steepness, 0.01)
        return min(FACTORS, key=lambda one: abs(np.log(one / factor)))


def _steepness(luma_HW: Luma) -> NDArray[np.int64]:
    """Steepness along rows of every step that is an edge's greatest, in hundredths."""
    if luma_HW.shape[1] < 2 * REACH + 2:
        return np.zeros(0, np.int64)
    steps = np.maximum(luma_HW[:, 1:], luma_HW[:, :-1]) - np.minimum(
        luma_HW[:, 1:], luma_HW[:, :-1]
    )
    highest = _sliding(luma_HW, np.maximum, 2 * REACH + 2)
    lowest = _sliding(luma_HW, np.minimum, 2 * REACH + 2)
    greatest = _sliding(steps, np.maximum, 2 * REACH + 1)
    centre = steps[:, REACH : REACH + highest.shape[1]]
    height = highest - lowest
    is_edge = (height >= CONTRAST) & (lowest >= DARK) & (centre == greatest)
    return BINS * centre[is_edge].astype(np.int64) // height[is_edge]


def _sliding(values_HW: Luma, extreme: np.ufunc, width: int) -> Luma:
    """The extreme of every `width` neighbours along rows."""
    found, reach = values_HW, 1
    while reach < width:
        shift = min(reach, width - reach)
        found, reach = extreme(found[:, shift:], found[:, :-shift]), reach + shift
    return found


def _power(luma_HW: Luma) -> NDArray[np.float64]:
    """Mean power of a picture's busiest blocks, by vertical and horizontal frequency."""
    rows, columns = (side // BLOCK for side in luma_HW.shape)
    if not rows or not columns:
        return np.zeros((BLOCK, BLOCK))
    grid = luma_HW[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    blocks = grid.swapaxes(1, 2).reshape(-1, BLOCK, BLOCK)
    count = min(MOST_BLOCKS, max(1, len(blocks) // 4))
    variance = as_float(blocks[:, ::EVERY, ::EVERY]).var(axis=(1, 2))
    chosen = as_float(blocks[np.argsort(variance, kind="stable")[-count:]])
    chosen -= chosen.mean(axis=(1, 2), keepdims=True)
    return (np.abs(np.fft.fft2(chosen * WINDOW)) ** 2).mean(axis=0)


def _emptiest_db(power: NDArray[np.float64]) -> float:
    """The least power at high frequencies along rows and columns, over that at low ones, in dB."""
    slow = [*range(4), *range(-3, 0)]  # of the other direction
    found = []
    for one in (power, power.T):
        fall = one[slow].mean(axis=0)[: BLOCK // 2 + 1] + 1e-3
        smooth = np.convolve(fall, np.ones(3) / 3, "valid")  # of frequencies from 1 on
        found.append(10 * np.log10(smooth[3 * BLOCK // 10 :].min() / fall[BLOCK // 16]))
    return float(max(found))
