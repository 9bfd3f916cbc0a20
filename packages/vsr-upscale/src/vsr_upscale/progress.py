"""How far an enlargement is: a live bar on a terminal, plain lines elsewhere."""

import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

LINE_S: Final = 30.0
"""Seconds between plain lines."""


@dataclass
class Count:
    """What has been done so far.

    Attributes:
        done: frames that are written or on their way.
        total: frames there will be, as far as that is known.
        size: bytes that are written for good.
        before: frames that an earlier run had done.
    """

    done: int = 0
    total: int | None = None
    size: int = 0
    before: int = 0
    began: float = field(default_factory=time.monotonic)

    @property
    def fps(self) -> float:
        """Frames a second of this run."""
        return (self.done - self.before) / max(1e-9, time.monotonic() - self.began)


class Display:
    """Shows a count while its context lasts.

    Args:
        console: where to.
        count: what is shown.
    """

    def __init__(self, console: Console, count: Count) -> None:
        self._console, self._count = console, count
        self._bar: Progress | None = None
        self._latest = time.monotonic()

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar = Progress(
                BarColumn(),
                TaskProgressColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[told]}"),
                TimeRemainingColumn(compact=True, elapsed_when_finished=True),
                console=self._console,
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("", total=self._count.total, told="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self) -> None:
        """Show the count as it is now."""
        told = f"{self._count.fps:.2f} fps"
        if self._count.size:
            told += f" · {size_text(self._count.size)}"
        if self._bar is not None:
            count = self._count
            self._bar.update(self._task, completed=count.done, total=count.total, told=told)
        elif time.monotonic() - self._latest >= LINE_S:
            self._latest = time.monotonic()
            self._console.print(self._line(told), soft_wrap=True)

    def _line(self, told: str) -> str:
        count = self._count
        if not count.total:
            return f"{count.done} frames · {told}"
        left = max(0, count.total - count.done) / max(1e-9, count.fps)
        return (
            f"{count.done} of {count.total} frames, {100 * count.done / count.total:.0f} % · "
            f"{told} · {duration_text(left)} left"
        )


def size_text(size: float) -> str:
    """Bytes for people: `3.4 MB`."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.2f} GB"


def duration_text(seconds: float) -> str:
    """Seconds for people: `2:05:00` or `0:42`."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
