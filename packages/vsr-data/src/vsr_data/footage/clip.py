"""What training sees of footage: clips, and the windows in them.

Shape suffixes: T frames, C channels, H and W rows and columns. A size is (height, width).
Invariant: `lq_size` times the scale is `gt_size`, and a window never leaves its clip.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vsr_data.pixels import Pixels, Size

ALL_ROWS: Final = slice(None)


TYPICAL: Final = 64
"""Weight of a window whose detail and motion are those of ordinary film, or are not known."""


class Clip(ABC):
    """A contiguous run of frames, all of one size.

    Attributes:
        name: what reports call it; unique within its footage, and text that can be printed.
        source: path of the file it comes from, fit to be printed, or `demo`.
        windows: how many windows it holds, at least 1.
        frames: how many consecutive sharp frames `gt_frames` gives; 0 where there are none but
            those of the windows.
        is_ready_made: whether its low-resolution frames came with it, and are taken as they are.
        is_sharded: whether each sample of a step is to be drawn from a part of its own, so that
            processes read few files each.
        group: which of the footage's sources it is of.
        identity: what tells its sharp frames from all others, in this run and the next; empty
            where no other low-resolution frames can be made of them.
        content: what tells its sharp frames from others wherever they lie and whenever they were
            written, so that what is drawn for a clip is drawn for every copy of it.
        is_degraded: whether low-resolution frames are more than reduced: what differs from their
            sharp ones is meant to be undone.
        keeps_reduced: whether `reduced_frames` gives what `gt_frames` are when only reduced.
        lq_size: (height, width) of a low-resolution frame.
        gt_size: (height, width) of a ground-truth frame.
    """

    name: str
    source: str
    windows: int
    lq_size: Size
    gt_size: Size
    frames: int = 0
    is_ready_made: bool = False
    is_sharded: bool = False
    group: int = 0
    identity: str = ""
    content: str = ""
    is_degraded: bool = False
    keeps_reduced: bool = False

    def at(self, step: int) -> "Clip":  # noqa: ARG002 - of clips that change
        """The clip as an optimiser step sees it; most are the same at every step."""
        return self

    def weights(self) -> NDArray[np.int64] | None:
        """How often each window is drawn, relative to others of its source.

        Returns:
            An integer of at least 1 for every window; None: `TYPICAL` for all of them.
        """
        return None

    @abstractmethod
    def window(self, i: int) -> tuple[Pixels, Pixels]:
        """The i-th window, whole frames.

        Returns:
            `lq_THWC` and `gt_HWC`, uint8 RGB; `gt` belongs to the centre frame.

        Raises:
            IndexError: there is no such window.
            DataError: the file has been deleted or damaged since it was opened.
        """

    def crop(self, i: int, y: int, x: int, side: int) -> tuple[Pixels, Pixels]:
        """A square of the i-th window.

        Args:
            i: the window.
            y: top of the square in low-resolution frames.
            x: its left.
            side: its side there, in pixels.

        Returns:
            `lq_THWC` and `gt_HWC`, as of `window`.

        Raises:
            IndexError: there is no such window.
            DataError: the file has been deleted or damaged since it was opened.
        """
        lq_THWC, gt_HWC = self.window(i)
        scale = self.gt_size[0] // self.lq_size[0]
        rows, columns = (slice(start * scale, (start + side) * scale) for start in (y, x))
        return lq_THWC[:, y : y + side, x : x + side], gt_HWC[rows, columns]

    def gt_frames(
        self,
        first: int,
        count: int,
        rows: slice = ALL_ROWS,  # noqa: ARG002 - of clips that have frames
    ) -> Pixels:
        """Consecutive sharp frames; the i-th window's low-resolution ones are made from those at i.

        Args:
            first: the first of them, from 0.
            count: how many.
            rows: which rows of each.

        Returns:
            `gt_THWC`, uint8 RGB.

        Raises:
            IndexError: the clip does not have them all.
            DataError: the file has been deleted or damaged since it was opened.
        """
        self._check_frames(first, count)
        raise NotImplementedError(f"{type(self).__name__} has {self.frames} frames but reads none")

    def reduced_frames(self, first: int, count: int) -> Pixels:
        """The low-resolution frames that belong to `gt_frames`, only reduced, as `lq_THWC`.

        Raises:
            IndexError: the clip does not have them all.
            DataError: the file has been deleted or damaged since it was opened.
        """
        self._check_frames(first, count)
        raise NotImplementedError(f"{type(self).__name__} keeps no reduced frames")

    @abstractmethod
    def origin(self, i: int) -> str:
        """The file and the frame that the i-th window's ground truth is."""

    def _check(self, i: int) -> None:
        if not 0 <= i < self.windows:
            raise IndexError(f"clip {self.name!r} has {self.windows} windows; got {i}")

    def _check_frames(self, first: int, count: int) -> None:
        if not 0 <= first <= first + count <= self.frames:
            wanted = f"frames {first} to {first + count}"
            raise IndexError(f"clip {self.name!r} has {self.frames} frames; got {wanted}")


@dataclass(frozen=True)
class Rejected:
    """A file that is not used, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Footage:
    """The clips of one side of a run, sorted by name, and the files that gave none.

    Attributes:
        clips: of all sources.
        rejected: files of all sources that are not used.
        groups: weight of every source; `Clip.group` counts into it.
        notes: what was found that a person would want to know, a sentence each.
        remarks: files that are used, and each with what a person would want to know of it.
    """

    clips: tuple[Clip, ...]
    rejected: tuple[Rejected, ...] = ()
    groups: tuple[float, ...] = (1.0,)
    notes: tuple[str, ...] = ()
    remarks: tuple[tuple[str, str], ...] = ()

    @property
    def windows(self) -> int:
        """Windows of all clips together."""
        return sum(clip.windows for clip in self.clips)

    def window_ends(self) -> tuple[int, ...]:
        """Running total of windows: clip k holds those from `ends[k - 1]` up to `ends[k]`."""
        return tuple(accumulate(clip.windows for clip in self.clips))
