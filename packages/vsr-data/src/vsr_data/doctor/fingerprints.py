"""Perceptual fingerprints of frames: alike for copies of a picture, whatever their size and coding.

Sixty-four signs of the lowest frequencies of the picture within its bars say who may be alike, as
in Zauner's pHash (https://www.phash.org/docs/pubs/thesis_zauner.pdf); a thumbnail then says who is.
Pictures with next to no contrast have none: black is like black.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vsr_data.pixels import Pixels

BITS: Final = 64
SIDE: Final = 32  # pixels of the square that frequencies are taken of
THUMB: Final = 16  # pixels of a side of the thumbnail
WORKING: Final = 160  # columns or rows that a frame is reduced to at least before its bars are cut
DARK: Final = 16  # luma up to which a row or column may belong to a bar
LEAST_CONTRAST: Final = 6.0  # standard deviation in levels
NEWS: Final = 5  # signs by which a frame must differ from the one kept last to be kept too
EVERY: Final = 3  # frames of a film from one that is looked at to the next
MOST: Final = 1 << 14  # fingerprints of one film; of more, every other one goes


def _frequencies() -> NDArray[np.float32]:
    """The rows of the cosine transform that are needed, orthonormal."""
    k, x = np.mgrid[:SIDE, :SIDE]
    rows = np.cos(np.pi * k * (2 * x + 1) / (2 * SIDE)) * np.sqrt(2 / SIDE)
    return rows.astype(np.float32)


def _order() -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Places of the lowest frequencies, without the mean."""
    places = sorted(((v, u) for v in range(SIDE) for u in range(SIDE)), key=lambda p: (sum(p), p))[
        1 : BITS + 1
    ]
    v, u = zip(*places, strict=True)
    return np.array(v), np.array(u)


_COSINES: Final = _frequencies()
_PLACES: Final = _order()


@dataclass(frozen=True)
class Fingerprint:
    """One frame's.

    Attributes:
        signs: `BITS` values of ±1, int8.
        thumb: `THUMB`² luma values less their mean, of length 1, float16.
    """

    signs: NDArray[np.int8]
    thumb: NDArray[np.float16]


def fingerprints(rgb_HWC: Pixels) -> tuple[Fingerprint, ...]:
    """A frame's fingerprints: of all of it, and of what is within its bars where it may have some.

    Args:
        rgb_HWC: uint8 RGB, of any size.

    Returns:
        None of a frame that shows next to nothing.
    """
    picture = Image.fromarray(rgb_HWC)
    factor = max(1, min(picture.size) // WORKING)
    luma_HW = np.asarray(picture.reduce(factor).convert("L"))
    inner_HW = luma_HW[_within_bars(luma_HW)]
    views = [luma_HW] if inner_HW.shape == luma_HW.shape else [luma_HW, inner_HW]
    return tuple(made for view_HW in views if (made := _fingerprint(view_HW)) is not None)


def _fingerprint(luma_HW: NDArray[np.uint8]) -> Fingerprint | None:
    square = Image.fromarray(np.ascontiguousarray(luma_HW))
    small = np.asarray(square.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32)
    if small.std() < LEAST_CONTRAST:
        return None
    spectrum = _COSINES @ small @ _COSINES.T
    signs = np.where(spectrum[_PLACES] > 0, 1, -1).astype(np.int8)
    step = SIDE // THUMB
    thumb = small.reshape(THUMB, step, THUMB, step).mean(axis=(1, 3)).ravel()
    thumb -= thumb.mean()
    return Fingerprint(signs, (thumb / np.linalg.norm(thumb)).astype(np.float16))


def _within_bars(luma_HW: NDArray[np.uint8]) -> tuple[slice, slice]:
    """The picture without black bars that are as wide on both of two sides."""
    return _inside(luma_HW.max(axis=1)), _inside(luma_HW.max(axis=0))


def _inside(brightest: NDArray[np.uint8]) -> slice:
    lit = np.flatnonzero(brightest > DARK)
    bar = min(int(lit[0]), len(brightest) - 1 - int(lit[-1])) if len(lit) else 0
    return slice(bar, len(brightest) - bar)


@dataclass(frozen=True)
class Trail:
    """Fingerprints of a film, N of them, in order.

    Attributes:
        signs_NB: int8.
        thumbs_NP: float16.
        numbers: of the frames they are of.
    """

    signs_NB: NDArray[np.int8]
    thumbs_NP: NDArray[np.float16]
    numbers: tuple[int, ...]


class TrailMaker:
    """Takes fingerprints of a film's frames, and keeps those that show something new.

    A frame within `NEWS` signs of one that was kept is as good as kept, so that copies that begin
    at another frame, or have another rate, are found too.
    """

    def __init__(self) -> None:
        self._kept: list[tuple[int, Fingerprint]] = []
        self._last: tuple[Fingerprint, ...] = ()
        self._since = 0

    def add(self, number: int, rgb_HWC: Pixels, *, starts_scene: bool) -> None:
        """Take up the next frame."""
        self._since += 1
        if self._since < EVERY and not starts_scene:
            return
        self._since = 0
        new = [made for made in fingerprints(rgb_HWC) if all(_differ(made, e) for e in self._last)]
        if new:
            self._kept += [(number, made) for made in new]
            self._last = tuple(new)
        if len(self._kept) > MOST:
            del self._kept[1::2]

    def trail(self) -> Trail:
        """What was kept."""
        kept = [made for _, made in self._kept]
        return Trail(
            np.array([made.signs for made in kept], np.int8).reshape(-1, BITS),
            np.array([made.thumb for made in kept], np.float16).reshape(-1, THUMB**2),
            tuple(number for number, _ in self._kept),
        )


def _differ(one: Fingerprint, other: Fingerprint) -> bool:
    return int((one.signs != other.signs).sum()) > NEWS
