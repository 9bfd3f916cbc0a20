"""How often a training window is worth drawing, by what its frames show."""

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

USUAL_DETAIL: Final = 3.0
"""Levels between neighbours in ordinary film of about 240 rows."""

USUAL_MOTION: Final = 2.0
"""Levels from frame to frame in ordinary film of about 240 rows."""

STATIC: Final = 0.25
"""What a window without motion is worth beside one with the usual motion: one picture of it is as
good as another, but there is something to learn of each."""

MARGIN: Final = 1.2
"""Times what noise is measured to come to, no detail or motion is believed in."""


def window_weights(
    motion: NDArray[np.float64],
    detail: NDArray[np.float64],
    n_frames: int,
    *,
    typical: int,
    grain: float = 0.0,
) -> NDArray[np.int64]:
    """Weigh every window of a run of frames.

    Both figures saturate: a window of the richest film is worth 3.5 ordinary ones, a black one
    next to nothing.

    Args:
        motion: of each frame to the one before, in levels.
        detail: of each frame, in levels.
        n_frames: frames of a window, no more than there are.
        typical: the weight of a window with the usual detail and motion.
        grain: levels of detail and motion that come of noise alone.

    Returns:
        An integer of at least 1 for every window.
    """
    shown = sliding_window_view(_without(detail, grain), n_frames).mean(axis=1)
    moved = sliding_window_view(_without(motion, grain)[1:], n_frames - 1).mean(axis=1)
    worth = _saturating(shown, USUAL_DETAIL) * (
        STATIC + (1 - STATIC) * _saturating(moved, USUAL_MOTION)
    )
    return np.maximum(1, np.rint(typical * worth)).astype(np.int64)


def _without(levels: NDArray[np.float64], grain: float) -> NDArray[np.float64]:
    return np.sqrt(np.maximum(0.0, levels**2 - (MARGIN * grain) ** 2))


def _saturating(levels: NDArray[np.float64], usual: float) -> NDArray[np.float64]:
    """1 at what is usual, and never 2."""
    return 2 * levels / (levels + usual)
