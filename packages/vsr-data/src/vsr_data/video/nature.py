"""What a film is made of, found by decoding some of its frames: fields, HDR, pixels."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, Final

import av
from av import VideoFrame

from vsr_data.errors import UnusableFileError
from vsr_data.video.animations import film_frames, refuse_still
from vsr_data.video.container import opened
from vsr_data.video.decoding import FrameRange, frames
from vsr_data.video.fields import FieldOrder, FieldsSeen
from vsr_data.video.header import read_header
from vsr_data.video.side_data import peak_of
from vsr_data.video.tone import TRANSFERS, Transfer

FIRST: Final = 60
"""Frames that are looked at from the start of a film."""

AT_MOST: Final = 240
"""Such frames, where little moves."""

MOVING: Final = 30
"""Frames in motion that are enough."""

ELSEWHERE: Final = 20
"""Frames that are looked at from each other place."""

LONG_S: Final = 20.0
"""Seconds of a film from which on it is looked at elsewhere than at its start, too."""

PLACES: Final = (0.25, 0.5, 0.75)
"""Those places, of a film that can be searched."""


@dataclass(frozen=True)
class Nature:
    """What a film is made of.

    Attributes:
        codec: libav's name of it.
        pixel_format: libav's name of it.
        height: rows of its first frame as coded, before it is rotated.
        width: columns of its first frame as coded.
        rate: frames a second, where that is one figure.
        frames: how many there are, as the file says.
        fields: which of two fields comes first, where frames are made of fields.
        telecined: whether they are by 3:2 pulldown: two frames in five.
        hdr: the transfer function, where it is one of HDR.
        pixel_aspect: width of a pixel over its height; 1 where nobody says.
        peak: candela a square metre of its brightest pixel, else of what it was mastered on.
    """

    codec: str
    pixel_format: str
    height: int
    width: int
    rate: float | None
    frames: int | None
    fields: FieldOrder | None
    telecined: bool
    hdr: Transfer | None
    pixel_aspect: Fraction = Fraction(1)
    peak: float | None = None


def nature_of(path: Path) -> Nature:
    """Find out what a film is made of.

    Raises:
        UnusableFileError: it is no video, its frames are absurdly large, or none can be decoded.
    """
    refuse_still(path)
    with opened(path) as (container, stream):
        flagged = int(stream.codec_context.field_order)
        codec = stream.codec_context.codec.canonical_name
        aspect, rate = stream.sample_aspect_ratio, stream.average_rate
        start: Any = container.start_time  # None where nothing is timed, whatever its stubs say
        seconds = 0.0 if start is None else (container.duration or 0) / av.time_base
    first, seen = _looked_at(path, seconds)
    telecine = seen.telecine()
    return Nature(
        codec=codec,
        pixel_format=first.format.name,
        height=first.height,
        width=first.width,
        rate=float(rate) if rate else None,
        frames=read_header(path).frames,
        fields=telecine or seen.order(flagged, hear_flags=True),
        telecined=telecine is not None,
        hdr=TRANSFERS.get(int(first.color_trc)),
        pixel_aspect=aspect if aspect and aspect > 0 else Fraction(1),
        peak=peak_of(first),
    )


def _looked_at(path: Path, seconds: float) -> tuple[VideoFrame, FieldsSeen]:
    """Return the first frame, and what those at several places show of fields."""
    seen = FieldsSeen()
    first: VideoFrame | None = None
    for number, picture in enumerate(_some(path, 0.0, AT_MOST)):
        first = first or picture
        seen.look_at(picture)
        if number + 1 >= FIRST and seen.moving >= MOVING:
            break
    if first is None:
        raise UnusableFileError("no frame of it can be decoded")
    for place in PLACES if seconds > LONG_S else ():
        seen.look_elsewhere()
        for picture in _some(path, place * seconds, ELSEWHERE):
            seen.look_at(picture)
    return first, seen


def _some(path: Path, start_s: float, count: int) -> Iterator[VideoFrame]:
    if path.suffix.lower() == ".webp":
        yield from (frame.picture for frame in film_frames(path, FrameRange(0, count)))
        return
    with closing(frames(path, keep_damaged=True, start_s=start_s)) as found:
        for frame in islice(found, count):
            yield frame.picture
