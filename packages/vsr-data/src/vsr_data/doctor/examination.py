"""A file read once, as training reads it, and all that the doctor wants to know of it gathered."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from stat import S_ISREG

import numpy as np

from vsr_data.cache import Account
from vsr_data.doctor.drawing import SHOWN, WindowDrawing
from vsr_data.doctor.findings import Examined, Kind, Series, WindowPicture
from vsr_data.doctor.fingerprints import TrailMaker
from vsr_data.errors import DataError, UnusableFileError
from vsr_data.footage.appraisal import FilmAppraisal, FrameMeasures
from vsr_data.footage.clip import Clip
from vsr_data.footage.reading import FilmReading
from vsr_data.measures import luma_of, motion
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
        watch: told how many frames have been read.
    """
    found = Examined(printable(path), request.role, "video", group=request.group)
    try:
        _require_regular(path)
        reading = FilmReading(path, request)
        found.account = reading.account
        found.rate = _rate(path)
        gatherer = Gatherer(found.path, request)
        for count, (number, gt_HWC, starts_run, measures) in enumerate(reading, 1):
            gatherer.add(number, gt_HWC, measures, starts_run=starts_run)
            watch(count)
        gatherer.conclude(found)
    except UnusableFileError as error:
        found.refused = str(error)
    return found


def examine_clips(name: str, clips: Sequence[Clip], request: Request, watch: Watch) -> Examined:
    """Read clips that are decoded on demand, all of one folder, picture or photograph.

    Args:
        name: what they are of.
        clips: at least one.
        request: what they are wanted for.
        watch: told how many frames have been read.
    """
    first = clips[0]
    kind: Kind = "demo" if first.source == "demo" else "pictures" if first.frames else "pair"
    found = Examined(name, request.role, kind, group=request.group)
    account, appraisal, gatherer = found.account, FilmAppraisal(), Gatherer(name, request)
    account.height, account.width = first.gt_size
    account.codec = Path(first.origin(0)).suffix.lstrip(".").lower()
    try:
        for clip in clips:
            for gt_HWC, starts_run in _sharp_frames(clip):
                number = account.decoded
                account.decoded += 1
                watch(account.decoded)
                measures = appraisal.measure(gt_HWC, starts_run=starts_run)
                if measures is None:
                    account.repeated += 1
                else:
                    gatherer.add(number, gt_HWC, measures, starts_run=starts_run)
            account.count_run(max(1, clip.frames))
        gatherer.conclude(found)
        appraisal.conclude(account)
        if first.is_ready_made or not first.frames:
            found.pictures = [_ready_made(first, request, account)]
    except DataError as error:
        found.refused = str(error)
    found.windows = sum(clip.windows for clip in clips)
    found.weight = max(found.weight, float(found.windows))
    return found


def _sharp_frames(clip: Clip) -> Iterator[tuple[Pixels, bool]]:
    """The sharp frames of a clip, and whether each starts a run."""
    for i in range(clip.frames):
        yield clip.gt_frames(i, 1)[0], i == 0
    if not clip.frames:
        yield from ((clip.window(i)[1], True) for i in range(clip.windows))


def _ready_made(clip: Clip, request: Request, account: Account) -> WindowPicture:
    """A window whose low-resolution frames came with it; its motion is noted."""
    lq_THWC, gt_HWC = clip.window(clip.windows // 2)
    before_HW, middle_HW = (luma_of(lq_THWC[len(lq_THWC) // 2 + t]) for t in (-1, 0))
    if not clip.frames:
        account.motion = round(motion(middle_HW, before_HW), 2)
    scale, (height, width) = request.scale, clip.lq_size
    side = SHOWN // scale
    y, x = max(0, height - side) // 2, max(0, width - side) // 2
    gt_rows, gt_columns = (slice(start * scale, (start + side) * scale) for start in (y, x))
    lq_HWC = lq_THWC[len(lq_THWC) // 2, y : y + side, x : x + side]
    return WindowPicture(lq_HWC.copy(), gt_HWC[gt_rows, gt_columns].copy(), clip.windows // 2)


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
