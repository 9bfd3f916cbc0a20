"""A film's frames as training wants them: whole where they were made of fields, and SDR."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, Literal

from av import VideoFrame

from vsr_data.errors import UnusableFileError
from vsr_data.pixels import Pixels
from vsr_data.video.animations import film_frames, has_opacity, refuse_still, rgb_on_black
from vsr_data.video.colour import rgb_from_frame
from vsr_data.video.decoding import Frame, FrameRange, Tally
from vsr_data.video.deinterlacing import FieldFilter
from vsr_data.video.fields import FieldOrder
from vsr_data.video.nature import Nature
from vsr_data.video.tone import ToneMapping

ToRgb = Callable[[VideoFrame], Pixels]

HDR_NAMES: Final = {"pq": "PQ", "hlg": "HLG"}


def mended_frames(
    path: Path,
    nature: Nature,
    wanted: FrameRange = FrameRange(),  # noqa: B008 - frozen
    tally: Tally | None = None,
    *,
    interlaced: Literal["mend", "refuse", "keep"] = "mend",
    hdr: Literal["tonemap", "refuse", "keep"] = "tonemap",
) -> Iterator[Frame]:
    """Decode a video, once, from its start, and mend its frames.

    Args:
        path: the file.
        nature: what it is made of.
        wanted: frames to yield, by number.
        tally: where to count what is met, as `frames` does.
        interlaced: what is done where frames are made of fields. Mended, interlaced ones are as
            many as there were; of telecined ones four in five are left: numbers have gaps.
        hdr: what is done where the transfer function is one of HDR.

    What is transparent becomes black.

    Yields:
        The frames in the range, each with the number of the one it was made of.

    Raises:
        UnusableFileError: it is no video, its frames are absurdly large, or what it is is refused.
    """
    if nature.fields is not None and interlaced == "refuse":
        kind = "telecined film" if nature.telecined else "interlaced video"
        raise UnusableFileError(
            f"it is {kind}, which data.interlaced = 'refuse' leaves out; 'mend' makes it whole"
        )
    if nature.hdr is not None and hdr == "refuse":
        raise UnusableFileError(
            f"it is HDR video ({HDR_NAMES[nature.hdr]}), which data.hdr = 'refuse' leaves out; "
            "'tonemap' brings it to SDR"
        )
    refuse_still(path)
    found: Iterator[Frame] = film_frames(path, wanted, tally)
    if nature.fields is not None and interlaced == "mend":
        found = _whole(found, nature.fields, telecined=nature.telecined)
    to_rgb: ToRgb = rgb_from_frame
    if nature.hdr is not None and hdr == "tonemap":
        to_rgb = ToneMapping(nature.hdr, nature.peak)
    if has_opacity(nature.pixel_format):
        to_rgb = partial(rgb_on_black, to_rgb=to_rgb)
    yield from (replace(frame, to_rgb=to_rgb) for frame in found)


def _whole(found: Iterator[Frame], order: FieldOrder, *, telecined: bool) -> Iterator[Frame]:
    """Frames without combing; no filter sees frames of two runs."""
    run: _Run | None = None
    for frame in found:
        if run is None or not frame.follows:
            if run is not None:
                yield from run.end()
            run = _Run(FieldFilter(frame.picture, order, telecined=telecined))
        yield from run.push(frame)
    if run is not None:
        yield from run.end()


class _Run:
    """Frames that follow one another, on their way through the filters of fields."""

    def __init__(self, filters: FieldFilter) -> None:
        self._filters = filters
        self._inside: dict[int, Frame] = {}
        self._follows = False

    def push(self, frame: Frame) -> Iterator[Frame]:
        frame.picture.dts = frame.number
        self._inside[frame.number] = frame
        yield from self._out(frame)

    def end(self) -> Iterator[Frame]:
        yield from self._out(None)

    def _out(self, frame: Frame | None) -> Iterator[Frame]:
        for whole in self._filters.push(None if frame is None else frame.picture):
            source = self._inside[whole.dts or 0]
            for number in [each for each in self._inside if each <= source.number]:
                del self._inside[number]
            whole.pts, whole.time_base = source.picture.pts, source.picture.time_base
            yield replace(source, picture=whole, follows=self._follows)
            self._follows = True
