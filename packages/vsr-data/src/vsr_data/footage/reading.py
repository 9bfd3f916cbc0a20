"""A film read as training reads it, once: whole frames, none twice, in runs within one scene.

The frame cache keeps what this yields, and the doctor looks at it; neither sees anything else.
Invariant: what is yielded depends on the file, the range of frames, the scale and `data.cuts`,
`data.interlaced` and `data.hdr` alone.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from vsr_data.cache import Account
from vsr_data.footage.appraisal import FilmAppraisal, FrameMeasures
from vsr_data.pixels import Pixels
from vsr_data.request import SMALLEST_PATCH, Request
from vsr_data.video import CutDetector, Frame, FrameRange, Tally, frames
from vsr_data.video.container import DECODE_ERRORS, reason_of

Reading = tuple[int, Pixels, bool, FrameMeasures]
"""A frame's number in the file, its pixels as `gt_HWC`, whether it starts a run, and measures."""

MOST_PROBLEMS: Final = 8


class FilmReading:
    """Reads a film's frames; can be iterated once.

    Args:
        path: the file.
        request: what it is wanted for; its window and patch change nothing.

    Attributes:
        account: what was met; complete once the iteration has ended.
        tally: how far the decoding is.
    """

    def __init__(self, path: Path, request: Request) -> None:
        self.account = Account()
        self.tally = Tally()
        self._path = path
        self._request = request
        self._appraisal = FilmAppraisal()

    def __iter__(self) -> Iterator[Reading]:
        """Decode the film.

        Yields:
            Frame by frame: its number, `gt_HWC` with sides that are multiples of the scale, whether
            it starts a run, and its measures. Frames that show what the one before shows are left
            out, and their run goes on.

        Raises:
            UnusableFileError: it is no video, its frames are absurdly large, or it is refused.
        """
        account, starts_run, run = self.account, True, 0
        for frame, is_cut in self._frames():
            if is_cut and account.runs + run > 0:
                account.cuts.append(frame.number)
            starts_run = starts_run or is_cut or not frame.follows
            gt_HWC = self._pixels(frame)
            if gt_HWC is None:
                starts_run = True
                continue
            if account.height == 0:
                account.height, account.width = frame.size
            measures = self._appraisal.measure(gt_HWC, starts_run=starts_run)
            if measures is None:
                account.repeated += 1
                continue
            if starts_run and run:
                account.count_run(run)
            run = 1 if starts_run else run + 1
            yield frame.number, gt_HWC, starts_run, measures
            starts_run = False
        if run:
            account.count_run(run)
        self._conclude()

    def _frames(self) -> Iterator[tuple[Frame, bool]]:
        found = frames(self._path, FrameRange.parse(self._request.frames), self.tally)
        if self._request.cuts == "off":
            return ((frame, False) for frame in found)
        detector = CutDetector()
        return ((frame, detector.is_cut(frame.picture)) for frame in found)

    def _pixels(self, frame: Frame) -> Pixels | None:
        """A frame's pixels, cropped to multiples of the scale; None where they cannot be used."""
        scale, (height, width) = self._request.scale, frame.size
        if min(height, width) // scale < SMALLEST_PATCH:
            self.tally.note(f"frames of {width}×{height} are too small to use")
            return None
        try:
            rgb_HWC = frame.rgb()
        except DECODE_ERRORS as error:
            name = frame.picture.format.name
            self.tally.note(f"{name} frames cannot be used: {reason_of(error)}")
            return None
        return rgb_HWC[: height - height % scale, : width - width % scale].copy()

    def _conclude(self) -> None:
        account, tally = self.account, self.tally
        account.decoded, account.damaged, account.notes = tally.decoded, tally.damaged, tally.notes
        self._appraisal.conclude(account)
