"""A file read once, as training reads it, and all that the doctor wants to know of it gathered."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from stat import S_ISREG

import numpy as np
from numpy.typing import NDArray

from vsr_data.cache import Account
from vsr_data.doctor.drawing import SHOWN, WindowDrawing
from vsr_data.doctor.findings import Examined, Kind, Series, WindowPicture
from vsr_data.doctor.fingerprints import TrailMaker
from vsr_data.errors import DataError, UnusableFileError
from vsr_data.footage.active import Active
from vsr_data.footage.appraisal import FilmAppraisal, FrameMeasures, grain_of
from vsr_data.footage.clip import TYPICAL, Clip
from vsr_data.footage.reading import FilmReading
from vsr_data.measures import Bars, luma_of, motion, window_weights
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
        self._measures: list[FrameMeasures] = []
        self._starts: list[int] = []
        self._trail = TrailMaker()
        self._drawing = WindowDrawing(name, request)

    def add(
        self, number: int, gt_HWC: Pixels, measures: FrameMeasures, *, starts_run: bool
    ) -> None:
        """Take up the next frame."""
        if starts_run:
            self._starts.append(len(self._numbers))
        self._numbers.append(number)
        self._measures.append(measures)
        self._trail.add(number, gt_HWC, starts_scene=starts_run)
        last = self._measures[max(self._starts[-1], len(self._measures) - self._request.n_frames) :]
        weight = self._weights(last, 0.0)
        self._drawing.add(number, gt_HWC, float(weight.sum()), starts_run=starts_run)

    def conclude(self, found: Examined) -> None:
        """Write down what was gathered, of a film whose account is complete."""
        account, size = found.account, (found.account.height, found.account.width)
        grain = grain_of(account, size) if min(size) else 0.0
        for first, stop in pairwise([*self._starts, len(self._numbers)]):
            weights = self._weights(self._measures[first:stop], grain)
            found.windows += len(weights)
            found.weight += float(weights.sum())
        motion_N, detail_N, _ = np.array(self._measures, np.float32).reshape(-1, 3).T
        found.series = Series(np.array(self._numbers, np.int64), motion_N, detail_N)
        found.trail = self._trail.trail()
        bars = Bars(*account.bars) if self._request.bars == "crop" else Bars()
        top, bottom, _, _ = bars
        scale = self._request.scale
        lq_size = size[0] // scale, size[1] // scale
        found.lq_size = Active.within(bars, lq_size, scale).size
        found.pictures = self._drawing.pictures(-(-top // scale), -(-bottom // scale))

    def _weights(self, measures: list[FrameMeasures], grain: float) -> NDArray[np.int64]:
        """Of the windows of a run, as training draws them."""
        n_frames = self._request.n_frames
        count = max(0, len(measures) - n_frames + 1)
        if not count or self._request.windows == "uniform":
            return np.full(count, TYPICAL)
        motion_N, detail_N, _ = np.array(measures).T
        return window_weights(motion_N, detail_N, n_frames, typical=TYPICAL, grain=grain)


def examine_video(path: Path, promised: int, request: Request, watch: Watch) -> Examined:
    """Read a video; what is wrong with it is in what is returned.

    Args:
        path: the file.
        promised: frames of it that are wanted, as its header counts them; 0 if it does not.
        request: what it is wanted for.
        watch: told how many frames have been read.
    """
    found = Examined(printable(path), request.role, "video", group=request.group)
    found.promised = promised
    try:
        require_regular(path)
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
        appraisal.conclude(account)
        gatherer.conclude(found)
        if first.is_ready_made or not first.frames:
            found.pictures = [_ready_made(first, request, account)]
    except DataError as error:
        found.refused = str(error)
    found.windows = sum(clip.windows for clip in clips)
    found.weight = float(TYPICAL * found.windows)  # they are not weighed
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


def require_regular(path: Path) -> None:
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
