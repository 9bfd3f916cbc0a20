"""What a film is: what its output must keep, found in its header and its first frames."""

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal

import av
from av import VideoFrame
from av.sidedata.sidedata import Type
from av.video.stream import VideoStream

from vsr_data import UnusableFileError
from vsr_data.video import (
    PICTURE,
    FieldOrder,
    FieldsSeen,
    YccCoding,
    coding_of,
    frames,
    opened,
    quarter_turns,
    side_data_of,
)
from vsr_files import printable
from vsr_upscale.errors import SourceError
from vsr_upscale.request import Deinterlacing

PROBED: Final = 60
"""Frames that are decoded to see whether they are made of fields."""

FINEST: Final = 90_000
"""Ticks a second that times are given at least, so that two equal ones can be told apart."""

MOST_TICKS: Final = 10_000_000
"""Ticks a second that containers can count; a film with more is timed anew."""

STEP_BACK_S: Final = 1.0
"""Seconds that a time may lie before the last one's; further back, a clock starts anew."""

UNSPECIFIED: Final = 2  # AVCOL_PRI_UNSPECIFIED and AVCOL_TRC_UNSPECIFIED


@dataclass(frozen=True)
class Film:
    """A film, as its output must know it.

    Attributes:
        path: the file.
        stream: number of its stream in the file.
        videos: how many the file has, covers aside.
        height: rows of its first frame as coded; others are brought to its size.
        width: columns of its first frame as coded.
        rate: frames a second, as far as that is one figure.
        time_base: seconds of a tick of the output's times.
        origin: seconds of the file's own clock at which it begins.
        seconds: how long it says it lasts, if it does.
        count: how many frames it says it has, if it does.
        end: seconds of the file's own clock at which its stream ends, if it says so.
        fields: which of two fields comes first, where frames are made of fields.
        coding: how codes stand for colours, as far as that is known here.
        matrix: what says so, as AVColorSpace numbers them: the film's own, or what it is taken for.
        primaries: of its colours, as AVColorPrimaries numbers them.
        transfer: of its colours, as AVColorTransferCharacteristic numbers them.
        subsampling: of its chroma: `420`, `422` or `444`; RGB counts as the last.
        sample_aspect_ratio: width of a pixel over its height.
        quarter_turns: counter-clockwise ones that put frames upright.
        restarts: seconds by which times were moved where the film's clock starts anew; filled while
            its frames are read.
        display_matrix: that a player puts frames upright with, where they are not.
        mastering_display: libav's description of the display it was mastered on, if known.
        light_level: its brightest pixel and frame in candela a square metre, if known.
    """

    path: Path
    stream: int
    videos: int
    height: int
    width: int
    rate: Fraction
    time_base: Fraction
    origin: float
    seconds: float | None
    count: int | None
    end: Fraction | None
    fields: FieldOrder | None
    coding: YccCoding
    matrix: int
    primaries: int
    transfer: int
    subsampling: Literal["420", "422", "444"]
    sample_aspect_ratio: Fraction | None
    quarter_turns: int
    restarts: list[Fraction]
    display_matrix: tuple[int, ...] | None
    mastering_display: bytes | None
    light_level: bytes | None

    @property
    def depth(self) -> int:
        """Bits of a sample: those of the source, but at most 12, which encoders have."""
        return min(self.coding.depth, 12)


def read_film(path: Path, deinterlace: Deinterlacing = "auto") -> Film:
    """Find out what a film is.

    Args:
        path: the file.
        deinterlace: `off` takes its frames as they are, `on` for fields whatever they show.

    Raises:
        SourceError: if it cannot be decoded.
    """
    try:
        film = _read(path)
    except (UnusableFileError, ValueError) as error:  # libav opens pictures that PyAV cannot show
        raise SourceError(f"{printable(path)!r} cannot be enlarged: {error}") from error
    match deinterlace:
        case "auto":
            return film
        case "on":
            return replace(film, fields=film.fields or "tff")
        case "off":
            return replace(film, fields=None)


def _read(path: Path) -> Film:
    first, seen = _probed(path)
    with opened(path) as (container, stream):
        rate = _rate(stream, first)
        time_base = _time_base(first.time_base or 1 / rate, rate)
        origin: Any = container.start_time  # None where nothing is timed, whatever its stubs say
        seconds = container.duration
        return Film(
            path=path,
            stream=stream.index,
            videos=sum(not each.disposition & PICTURE for each in container.streams.video),
            height=first.height,
            width=first.width,
            rate=rate,
            time_base=time_base,
            origin=0.0 if origin is None else origin / av.time_base,
            seconds=None if seconds is None else seconds / av.time_base,
            count=stream.frames or None,
            end=_end(stream),
            fields=seen.order(int(stream.codec_context.field_order)),
            coding=coding_of(first),
            matrix=_matrix(first),
            primaries=_kept(first.color_primaries),
            transfer=_kept(first.color_trc),
            subsampling=_subsampling(first),
            sample_aspect_ratio=_aspect(stream),
            quarter_turns=quarter_turns(first.rotation),
            restarts=[],
            display_matrix=_display_matrix(first),
            mastering_display=side_data_of(first, Type.MASTERING_DISPLAY_METADATA),
            light_level=side_data_of(first, Type.CONTENT_LIGHT_LEVEL),
        )


def _end(stream: VideoStream) -> Fraction | None:
    if stream.duration is None or stream.start_time is None or stream.time_base is None:
        return None
    return (stream.start_time + stream.duration) * stream.time_base


def _probed(path: Path) -> tuple[VideoFrame, FieldsSeen]:
    """Return the first frame, and what the first ones show of fields."""
    found = frames(path, keep_damaged=True)
    first = next(found, None)
    if first is None:
        raise UnusableFileError("no frame of it can be decoded")
    seen = FieldsSeen()
    seen.look_at(first.picture)
    for frame in islice(found, PROBED - 1):
        seen.look_at(frame.picture)
    return first.picture, seen


def _rate(stream: VideoStream, first: VideoFrame) -> Fraction:
    """Frames a second: the average one, or that of the first frame where nothing is timed."""
    if first.pts is None and first.duration and first.time_base:
        return 1 / (first.duration * first.time_base)
    rate = stream.average_rate or stream.guessed_rate
    return rate.limit_denominator(100_000) if rate else Fraction(25)


def _time_base(own: Fraction, rate: Fraction) -> Fraction:
    """Ticks that divide the film's own, fine enough, and not more than containers can count."""
    if own.numerator != 1 or own.denominator > MOST_TICKS:
        own = Fraction(1, FINEST) if (FINEST / rate).denominator == 1 else 1 / (rate * 1000)
    finer = 1
    while own.denominator * finer < FINEST:
        finer *= 2
    return own / finer


def _matrix(first: VideoFrame) -> int:
    told = int(first.colorspace)
    return coding_of(first).matrix if told in {0, 2, 3} else told  # RGB, unspecified, reserved


def _kept(tag: Any) -> int:
    """A colour tag, with what is reserved or absent as unspecified."""
    return int(tag) if int(tag) not in {0, 3} else UNSPECIFIED


def _subsampling(first: VideoFrame) -> Literal["420", "422", "444"]:
    luma, *rest = first.format.components
    if first.format.is_rgb or first.format.has_palette or len(rest) < 2:
        return "420" if len(rest) < 2 and not first.format.has_palette else "444"
    wide, high = luma.width // rest[0].width, luma.height // rest[0].height
    if (wide, high) == (1, 1):
        return "444"
    return "422" if high == 1 else "420"


def _aspect(stream: VideoStream) -> Fraction | None:
    ratio = stream.sample_aspect_ratio
    return ratio if ratio and ratio > 0 else None


def _display_matrix(first: VideoFrame) -> tuple[int, ...] | None:
    """The matrix, where it turns or mirrors by whole quarters; damaged files have absurd ones."""
    data = side_data_of(first, Type.DISPLAYMATRIX)
    if data is None or len(data) < 36:
        return None
    matrix = tuple(memoryview(data[:36]).cast("i"))
    a, b, _, c, d, *_ = matrix
    one = 1 << 16
    is_whole = {abs(a), abs(d)} in ({0}, {one}) and {abs(b), abs(c)} in ({0}, {one})
    return matrix if is_whole and abs(a) != abs(b) else None
