"""A run on a terminal: figures that are redrawn in place, and lines above them that stay."""

from collections.abc import Mapping

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from vsr_settings import Settings
from vsr_train.report.about import About


class Terminal:
    """The live part of a terminal; nothing where the console is none.

    Args:
        console: where it is drawn.
        settings: the run.
        about: what it is.
        weights: the loss terms' weights by name.
        start_step: the step it starts or resumes at.
    """

    def __init__(
        self,
        console: Console,
        settings: Settings,
        about: About,
        weights: Mapping[str, float],
        start_step: int,
    ) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("step"),
            MofNCompleteColumn(),
            BarColumn(bar_width=30),
            TimeRemainingColumn(),
            console=console,
        )
        last = settings.train.max_steps
        self._task = self._progress.add_task("", total=last, completed=start_step)
        self._figures = Text("…")
        self._live = Live(
            Group(self._progress, self._figures),
            console=console,
            transient=True,
            refresh_per_second=4,
        )

    def start(self) -> None:
        """Begin to draw."""
        if self._console.is_terminal:
            self._live.start()

    def stop(self) -> None:
        """Take away what was drawn."""
        self._live.stop()

    def advance(self, step: int) -> None:
        """Take note of a step made."""
        self._progress.update(self._task, completed=step)

    def show(self, line: str) -> None:
        """Show the latest figures."""
        self._figures.plain = line
