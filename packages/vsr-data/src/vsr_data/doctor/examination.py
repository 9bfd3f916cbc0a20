"""A file read once, as training reads it, and all that the doctor wants to know of it gathered."""

from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from stat import S_ISREG

import numpy as np

from vsr_data.doctor.drawing import WindowDrawing
from vsr_data.doctor.findings import Examined, Kind, Series
from vsr_data.doctor.fingerprints import TrailMaker
from vsr_data.errors import UnusableFileError
from vsr_data.footage.appraisal import FrameMeasures
from vsr_data.footage.reading import FilmReading, Reading
from vsr_data.pixels import Pixels
from vsr_data.request import Request
from vsr_data.video import opened
from vsr_files import printable

Watch = Callable[[int], object]
"""Told how many frames have been read."""


class Gatherer:
    """Takes up a film's frames as they are read.

    Args:
        name: of the film.
        request: what it is wanted for.
    """

    def __init__(self, name: str, request: Request) -> None:
        self._request = request
        self._numbers: list[int] = []
        self._motion: list[float] = []
        self._detail: list[float] = []
        self._trail = TrailMaker()
        self._drawing = WindowDrawing(name, request)
        self._window: deque[FrameMeasures] = deque(maxlen=request.n_frames)
        self.windows = 0
        self.weight = 0.0

    def add(self, number: int, gt_HWC: Pixels, measures: FrameMeasures, *, starts_run: bool) -> None:
        """Take up the next frame."""
        if starts_run:
            self._window.clear()
        self._window.append(measures)
        weight = 0.0
        if len(self._window) == self._request.n_frames:
            weight = 1.0
            self.windows += 1
            self.weight += weight
        self._numbers.append(number)
        self._motion.append(measures.motion)
        self._detail.append(measures.detail)
        self._trail.add(number, gt_HWC, starts_scene=starts_run)
        self._drawing.add(number, gt_HWC, weight, starts_run=starts_run)

    def conclude(self, found: Examined) -> None:
        """Write down what was gathered."""
        found.windows, found.weight = self.windows, self.weight
        found.series = Series(
            np.array(self._numbers, np.int64),
            np.array(self._motion, np.float32),
            np.array(self._detail, np.float32),
        )
        found.trail = self._trail.trail()
        if not found.refused:
            found.pictures = self._drawing.pictures()


def examine_video(path: Path, request: Request, watch: Watch) -> Examined:
    """Read a video; what is wrong with it is in what is returned.

    Args:
        path: the file.
        request: what it is wanted for.
        watch: told how far the reading is.
    """
    found = _begun(path, request, "video")
    try:
        _require_regular(path)
        reading = FilmReading(path, request)
        found.account = reading.account
        found.rate = _rate(path)
        _gather(reading, found, request, watch)
    except UnusableFileError as error:
        found.refused = str(error)
    return found


def _begun(path: Path, request: Request, kind: Kind) -> Examined:
    return Examined(printable(path), request.role, kind, group=request.group)


def _gather(reading: Iterable[Reading], found: Examined, request: Request, watch: Watch) -> None:
    gatherer = Gatherer(found.path, request)
    for count, (number, gt_HWC, starts_run, measures) in enumerate(reading, 1):
        gatherer.add(number, gt_HWC, measures, starts_run=starts_run)
        watch(count)
    gatherer.conclude(found)


def _require_regular(path: Path) -> None:
    """Refuse what would hang libav, or is nothing.

    Raises:
        UnusableFileError: it is not a file, or it is empty.
    """
    try:
        stat = path.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UnusableFileError(f"it cannot be read: {reason}") from error
    if not S_ISREG(stat.st_mode):
        raise UnusableFileError("it is not a regular file")
    if not stat.st_size:
        raise UnusableFileError("it is empty")


def _rate(path: Path) -> float | None:
    with opened(path) as (_, stream):
        return float(stream.average_rate) if stream.average_rate else None
