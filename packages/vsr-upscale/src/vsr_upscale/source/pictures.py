"""A film's frames in the order they are shown, each with its time, its scene and its colours."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from av import VideoFrame
from torch import Tensor

from vsr_data import UnusableFileError
from vsr_data.video import (
    DECODE_ERRORS,
    Tally,
    deinterlaced,
    frames,
    marked,
    reason_of,
    unit_from_frame,
)
from vsr_files import printable
from vsr_upscale.errors import SourceError
from vsr_upscale.part import Part
from vsr_upscale.source.facts import STEP_BACK_S, Film

ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Picture:
    """A frame of a film, ready to be enlarged.

    Attributes:
        number: its place among the frames that are asked for, from 0.
        pts: when it is shown, in ticks of the film's time base; strictly more than the last one's.
        duration: ticks that it is shown for, where no frame follows that ends it.
        rgb_1CHW: float32 in [0, 1], as coded: not rotated.
        starts_scene: whether a new scene starts with it.
    """

    number: int
    pts: int
    duration: int
    rgb_1CHW: Tensor
    starts_scene: bool


class Clock:
    """Gives each frame its time: its own, strictly after the last one's.

    A frame without a time comes a frame's length after the last. Where the film's clock starts
    anew, as where recordings were put one behind the other, times go on, and the film notes by how
    much.

    Args:
        film: the film.
        start: seconds into the film at which the output begins.
    """

    def __init__(self, film: Film, start: float) -> None:
        self._film = film
        film.restarts.clear()
        self._shift = round(start / film.time_base)
        self._length = round(1 / film.rate / film.time_base)
        self._last: int | None = None

    def time_of(self, picture: VideoFrame) -> tuple[int, int]:
        """Return when a frame is shown and for how long, in ticks of the film's time base."""
        tick = self._film.time_base
        duration = self._length
        if picture.duration and picture.time_base:
            duration = max(1, round(picture.duration * picture.time_base / tick))
        if picture.pts is None or picture.time_base is None:
            pts = 0 if self._last is None else self._last + self._length
        else:
            pts = round(picture.pts * picture.time_base / tick) - self._shift
        if self._last is not None and pts <= self._last:
            restarted = (self._last - pts) * tick > STEP_BACK_S
            if restarted:
                moved = self._last + self._length - pts
                self._film.restarts.append(moved * tick)
                self._shift -= moved
            pts = self._last + (self._length if restarted else 1)
        self._last = pts
        return pts, duration


class Pictures:
    """The frames of a film that are asked for, decoded once; damaged ones as they are concealed.

    Attributes:
        tally: what was met so far.

    Args:
        film: the film.
        part: which part of it is asked for.
        first: number of the first frame to yield; those before are decoded alone.
    """

    def __init__(
        self,
        film: Film,
        part: Part = Part(),  # noqa: B008 - frozen
        *,
        first: int = 0,
    ) -> None:
        self.tally = Tally()
        self._film = film
        self._part = part
        self._first = first

    def __iter__(self) -> Iterator[Picture]:
        """Yield the frames.

        Raises:
            SourceError: if the file cannot be read, or its pixels not be converted.
        """
        clock = Clock(self._film, self._part.start)
        for number, (picture, starts_scene) in enumerate(self._scenes()):
            pts, duration = clock.time_of(picture)
            if number >= self._first:
                yield Picture(
                    number,
                    pts,
                    duration,
                    self._guarded(unit_from_frame, picture)[None],
                    starts_scene,
                )

    def _scenes(self) -> Iterator[tuple[VideoFrame, bool]]:
        """Those frames, and whether a scene starts with each."""
        try:
            yield from marked(self._wanted(), lambda picture: picture)
        except DECODE_ERRORS as error:
            raise SourceError(
                f"{printable(self._film.path)!r}: its frames cannot be converted: "
                f"{reason_of(error)}"
            ) from error

    def _wanted(self) -> Iterator[VideoFrame]:
        """Frames from the start to the end, whole and of one size."""
        for number, picture in enumerate(self._whole()):
            seconds = float(number / self._film.rate)
            if picture.pts is not None:
                seconds = picture.time - self._film.origin
            if self._part.is_over(seconds):
                return
            if seconds >= self._part.start:
                yield picture

    def _whole(self) -> Iterator[VideoFrame]:
        decoded = self._decoded()
        if self._film.fields is None:
            return decoded
        return deinterlaced(decoded, self._film.fields)

    def _decoded(self) -> Iterator[VideoFrame]:
        film = self._film
        try:
            for frame in frames(
                film.path, tally=self.tally, keep_damaged=True, start_s=self._part.start
            ):
                picture = frame.picture
                if (picture.height, picture.width) != (film.height, film.width):
                    picture = self._resized(picture)
                yield picture
        except UnusableFileError as error:
            raise SourceError(f"{printable(film.path)!r} cannot be read: {error}") from error

    def _resized(self, picture: VideoFrame) -> VideoFrame:
        film = self._film
        self.tally.note(
            f"frames of {picture.width}×{picture.height} are brought to {film.width}×{film.height}"
        )
        resized = picture.reformat(film.width, film.height, interpolation="BICUBIC", threads=1)
        resized.pts, resized.time_base = picture.pts, picture.time_base
        return resized

    def _guarded(self, use: Callable[[VideoFrame], ResultT], picture: VideoFrame) -> ResultT:
        try:
            return use(picture)
        except DECODE_ERRORS as error:
            raise SourceError(
                f"{printable(self._film.path)!r}: its {picture.format.name} frames cannot be "
                f"converted: {reason_of(error)}"
            ) from error
