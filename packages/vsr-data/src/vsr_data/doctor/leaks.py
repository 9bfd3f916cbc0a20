"""The same scene in two files: what validation would measure of training, and what counts twice.

Shape suffixes: N and M fingerprints, B their signs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from vsr_data.doctor.findings import Examined
from vsr_data.doctor.fingerprints import BITS, Trail

MOST_DIFFERENT: Final = 12  # signs of 64 in which two frames of one picture may differ
LEAST_ALIKE: Final = 0.93  # correlation of their thumbnails; those of other pictures reach 0.7
SAME_STRETCH_S: Final = 6.0  # seconds without a match that end a stretch
CHUNK: Final = 2048

LeakKind = Literal["leak", "duplicate"]


@dataclass(frozen=True)
class Place:
    """A frame of a file.

    Attributes:
        path: the file's, fit to be printed.
        frame: its number, counted from 0 as decoded.
        seconds: when it is shown; None where nobody knows the film's rate.
    """

    path: str
    frame: int
    seconds: float | None


@dataclass(frozen=True)
class Leak:
    """A stretch of one file that another has too.

    Attributes:
        kind: `leak` between training and validation, `duplicate` within one of them.
        one: where it begins in the file of training, or in the first of two.
        other: where it begins in the other.
        last: its last frame in the first file that was found in the other.
        matches: frames that were found.
    """

    kind: LeakKind
    one: Place
    other: Place
    last: Place
    matches: int


def find_leaks(training: Sequence[Examined], validation: Sequence[Examined]) -> list[Leak]:
    """Compare every file of training with every one of validation, and with one another.

    A file that both sides name by the same frames is one leak.
    """
    found = [leak for one in validation for each in training for leak in _shared(each, one, "leak")]
    for side in (training, validation):
        for i, one in enumerate(side):
            found += [leak for each in side[:i] for leak in _shared(each, one, "duplicate")]
    return found


def _shared(one: Examined, other: Examined, kind: LeakKind) -> Iterator[Leak]:
    matched = sorted(_matches(one.trail, other.trail).items())
    stretch: list[tuple[int, int]] = []
    for match in matched:
        if stretch and not _goes_on(stretch[-1], match, one, other):
            yield _leak(kind, one, other, stretch)
            stretch = []
        stretch.append(match)
    if stretch:
        yield _leak(kind, one, other, stretch)


def _matches(one: Trail, other: Trail) -> dict[int, int]:
    """For each of one film's frames that the other shows too, the frame there that is most alike.

    Found by sign first, which one product of matrices tells for all, and then by thumbnail.
    """
    best: dict[int, tuple[float, int]] = {}
    theirs = other.signs_NB.astype(np.float32).T
    for start in range(0, len(one.numbers), CHUNK):
        agreement_NM = one.signs_NB[start : start + CHUNK].astype(np.float32) @ theirs
        rows, columns = np.nonzero(agreement_NM >= BITS - 2 * MOST_DIFFERENT)
        alike = _correlations(one.thumbs_NP[start + rows], other.thumbs_NP[columns])
        for row, column, how in zip(start + rows, columns, alike, strict=True):
            number = one.numbers[row]
            if how >= LEAST_ALIKE and how > best.get(number, (0.0, 0))[0]:
                best[number] = float(how), other.numbers[column]
    return {number: there for number, (_, there) in best.items()}


def _correlations(
    one_NP: NDArray[np.float16], other_NP: NDArray[np.float16]
) -> NDArray[np.float32]:
    return np.einsum("np,np->n", one_NP, other_NP, dtype=np.float32)


def _goes_on(last: tuple[int, int], match: tuple[int, int], one: Examined, other: Examined) -> bool:
    """Whether a match is of the stretch that another is of: soon after it in both files."""
    steps = zip(last, match, (one, other), strict=True)
    return all(abs(now - before) <= SAME_STRETCH_S * file.pace for before, now, file in steps)


def _leak(kind: LeakKind, one: Examined, other: Examined, stretch: list[tuple[int, int]]) -> Leak:
    (first, there), (last, _) = stretch[0], stretch[-1]
    return Leak(kind, _place(one, first), _place(other, there), _place(one, last), len(stretch))


def _place(file: Examined, number: int) -> Place:
    return Place(file.path, number, file.seconds_of(number))
