"""How far the reading is: a bar on a terminal, a line for every file elsewhere."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from vsr_data.doctor.report import Progress as Reading
from vsr_data.doctor.words import count, short_name


class Display:
    """Shows progress while its context lasts.

    Args:
        console: where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn("reading"),
                BarColumn(bar_width=30),
                TaskProgressColumn(),
                TextColumn("{task.fields[told]}"),
                TimeRemainingColumn(compact=True),
                console=self._console,
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("", total=None, told="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, reading: Reading) -> None:
        """Show how far it is."""
        if self._bar is not None:
            total = max(reading.all_frames, reading.frames) or None
            told = f"{reading.files} of {count(reading.all_files, 'file')}"
            self._bar.update(self._task, completed=reading.frames, total=total, told=told)
            return
        for file in reading.latest[:1]:
            more = f" and {len(reading.latest) - 1} more" if len(reading.latest) > 1 else ""
            self._console.print(
                f"read {reading.files} of {count(reading.all_files, 'file')}: "
                f"{short_name(file.path)}{more}",
                soft_wrap=True,
            )
