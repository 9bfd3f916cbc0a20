"""Where a film cuts from one scene to the next, told with a few frames of foresight.

A cut is a frame that differs from the one before by more than motion and light explain. A flash is
none: the frames after it go on from those before. A change of scenes through black is one, where
black ends. A dissolve is none.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, Generic, TypeVar

from av import VideoFrame

from vsr_data.video.decoding import Frame
from vsr_data.video.likeness import Reducer, SmallPicture, change, unlikeness

ItemT = TypeVar("ItemT")

UNLIKE: Final = 0.42
"""Least unlikeness of a cut: 0.47 and more between clips, at most 0.36 where things move fast."""

SUDDEN: Final = 0.15
"""The same, where frames around change far less."""

CALM: Final = 3.5
"""How often their change must be contained in it."""

BLANK: Final = 1.0
"""Levels of contrast below which a frame shows nothing."""

FLASH: Final = 3
"""Frames that a flash lasts at most."""


@dataclass
class _Seen(Generic[ItemT]):
    """A frame and what is known of it.

    Attributes:
        item: what is yielded for it.
        shape: of its picture, and the pixel format.
        small: the picture, reduced.
        score: how unlike the frame before it is.
    """

    item: ItemT
    shape: tuple[int, int, str]
    small: SmallPicture
    score: float

    @property
    def is_blank(self) -> bool:
        return self.small.contrast < BLANK


def with_cuts(frames: Iterable[Frame]) -> Iterator[tuple[Frame, bool]]:
    """Tell of each frame whether a new scene starts with it; the first one starts one.

    Args:
        frames: of one film, in order; a few are held back.

    Raises:
        ValueError, OSError, MemoryError: their pixel format cannot be converted.
    """
    return marked(frames, attrgetter("picture"))


def marked(
    items: Iterable[ItemT], picture_of: Callable[[ItemT], VideoFrame]
) -> Iterator[tuple[ItemT, bool]]:
    """Tell of each item whether a new scene starts with its picture.

    The first one and the first one of another size or pixel format start one.
    """
    reduced, scenes = Reducer(), _Scenes[ItemT]()
    last: _Seen[ItemT] | None = None
    for item in items:
        picture = picture_of(item)
        small = reduced(picture)
        shape = (picture.height, picture.width, picture.format.name)
        last = _Seen(item, shape, small, 0.0 if last is None else _score(last.small, small))
        yield from scenes.push(last)
    yield from scenes.end()


def _score(before: SmallPicture, after: SmallPicture) -> float:
    changed = change(before, after)
    return changed if changed < SUDDEN else unlikeness(before, after)


class _Scenes(Generic[ItemT]):
    """Decides on each frame once those after it are known."""

    def __init__(self) -> None:
        self._ahead: deque[_Seen[ItemT]] = deque()
        self._past: deque[_Seen[ItemT]] = deque(maxlen=FLASH)
        self._shown: _Seen[ItemT] | None = None  # the last frame that was neither blank nor flash
        self._blank = self._flash = 0  # frames: of a blank so far, and still to come of a flash

    def push(self, seen: _Seen[ItemT]) -> Iterator[tuple[ItemT, bool]]:
        self._ahead.append(seen)
        if len(self._ahead) > FLASH + 1:
            yield self._next()

    def end(self) -> Iterator[tuple[ItemT, bool]]:
        while self._ahead:
            yield self._next()

    def _next(self) -> tuple[ItemT, bool]:
        seen = self._ahead.popleft()
        starts = self._starts(seen)
        self._past.append(seen)
        return seen.item, starts

    def _starts(self, seen: _Seen[ItemT]) -> bool:
        before = self._past[-1] if self._past else None
        if before is None or before.shape != seen.shape:
            self._shown, self._blank, self._flash = seen, 0, 0
            return True
        if self._flash:
            self._flash -= 1
            return False
        if seen.is_blank:
            self._blank += 1
            return False
        shown, self._shown = self._shown, seen
        blank, self._blank = self._blank, 0
        if blank:
            return shown is not None and not shown.is_blank and self._is_new(shown, seen, blank)
        if not self._stands_out(seen):
            return False
        self._flash = self._flash_of(before, seen.score)
        return not self._flash

    def _is_new(self, shown: _Seen[ItemT], seen: _Seen[ItemT], blank: int) -> bool:
        return blank > FLASH or unlikeness(shown.small, seen.small) > UNLIKE

    def _stands_out(self, seen: _Seen[ItemT]) -> bool:
        if seen.score >= UNLIKE:
            return True
        around = [each.score for each in (*self._past, *list(self._ahead)[:2])]
        return seen.score >= max(SUDDEN, CALM * max(around, default=0.0))

    def _flash_of(self, before: _Seen[ItemT], score: float) -> int:
        """How many more frames differ before the film goes on as it was; 0 where it does not."""
        for number, after in enumerate(self._ahead, start=1):
            if number > FLASH or after.shape != before.shape:
                break
            if unlikeness(before.small, after.small) < min(UNLIKE, score) / 2:
                return number
        return 0
