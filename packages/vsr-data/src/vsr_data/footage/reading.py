"""A film read as training reads it, once: whole frames, none twice, in runs within one scene.

The frame cache keeps what this yields, and the doctor looks at it; neither sees anything else.
Invariant: what is yielded depends on the file, the range of frames, the scale and `data.cuts`,
`data.interlaced` and `data.hdr` alone.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from vsr_data.cache import Account
from vsr_data.errors import UnusableFileError
from vsr_data.footage.appraisal import FilmAppraisal, FrameMeasures
from vsr_data.footage.remarks import problems_of
from vsr_data.pixels import Pixels
from vsr_data.request import SMALLEST_PATCH, Request
from vsr_data.video import (
    Frame,
    FrameRange,
    Tally,
    frames,
    mended_frames,
    nature_of,
    with_cuts,
)
from vsr_data.video.container import DECODE_ERRORS, reason_of

VERSION: Final = 1
"""Of what a film is read as: raised where other frames are kept, or cut elsewhere, than before."""

Reading = tuple[int, Pixels, bool, FrameMeasures]
"""A frame's number in the file, its pixels as `gt_HWC`, whether it starts a run, and measures."""


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
            if is_cut and frame.follows:
                account.cuts.append(frame.number)
            starts_run = starts_run or is_cut or not frame.follows
            gt_HWC = self._pixels(frame)
            if gt_HWC is None:
                starts_run = True
                continue
            measures = self._appraisal.measure(gt_HWC, starts_run=starts_run)
            if measures is None:
                account.repeated += 1
                continue
            if starts_run:
                account.count_run(run)
            run = 1 if starts_run else run + 1
            yield frame.number, gt_HWC, starts_run, measures
            starts_run = False
        account.count_run(run)
        self._conclude()

    def _frames(self) -> Iterator[tuple[Frame, bool]]:
        found = self._mended()
        is_looked_for = self._request.cuts != "off"
        try:
            yield from with_cuts(found) if is_looked_for else ((frame, False) for frame in found)
        except DECODE_ERRORS as error:  # of a pixel format that filters cannot convert
            self.tally.note(f"its frames cannot be used: {reason_of(error)}")

    def _mended(self) -> Iterator[Frame]:
        request, wanted = self._request, FrameRange.parse(self._request.frames)
        try:
            nature = nature_of(self._path)
        except UnusableFileError as error:
            return self._unjudged(wanted, error)
        account = self.account
        account.codec, account.pixel_aspect = nature.codec, float(nature.pixel_aspect)
        account.fields, account.telecined, account.hdr = (
            nature.fields,
            nature.telecined,
            nature.hdr,
        )
        return mended_frames(
            self._path,
            nature,
            wanted,
            self.tally,
            interlaced=request.interlaced,
            hdr=request.hdr,
        )

    def _unjudged(self, wanted: FrameRange, error: UnusableFileError) -> Iterator[Frame]:
        """Nothing, of a film without a frame: decoding tells why; others must not stay unmended."""
        for _ in frames(self._path, wanted, self.tally):
            raise error
        return iter(())

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
        if self.account.height == 0:
            self.account.height, self.account.width = height, width
        return rgb_HWC[: height - height % scale, : width - width % scale].copy()

    def _conclude(self) -> None:
        account, tally = self.account, self.tally
        account.decoded, account.damaged, account.notes = tally.decoded, tally.damaged, tally.notes
        self._appraisal.conclude(account)
        account.problems = problems_of(account, self._request)
