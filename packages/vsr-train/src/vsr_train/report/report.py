"""What a run tells while it goes.

On a terminal or as lines, in metrics.jsonl, in TensorBoard, in pictures and as a page.

Every figure that is shown is also in metrics.jsonl. What is only for looking at may fail: it is
said once, and the run goes on.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

from rich.console import Console

from vsr_losses import LossTerms
from vsr_settings import Settings, effective_batch
from vsr_train.folder import RunFolder
from vsr_train.report.about import About
from vsr_train.report.board import Board
from vsr_train.report.comparison import write_comparison
from vsr_train.report.lines import ending, sources_table, training_line, validation_line
from vsr_train.report.live import Tracker
from vsr_train.report.naming import file_name
from vsr_train.report.remaining import as_clock
from vsr_train.report.terminal import Terminal
from vsr_train.signals import Action
from vsr_train.step import TrainingState
from vsr_train.validation import Validation
from vsr_train.watch import Judgement

BOARD: Final = "TensorBoard's files"


class Report:
    """The voice of a run.

    Args:
        settings: the run.
        folder: where its log and pictures go.
        console: where its lines go.
        about: what it is.
        weights: the loss terms' weights by name.
        start_step: the step it starts or resumes at.
        verdict: the last that was reported before it was resumed; empty where there was none.
        seconds_per_step: what a step is expected to take, where it was rehearsed.
        stops: whether a signal has asked the run to stop.
    """

    def __init__(
        self,
        settings: Settings,
        folder: RunFolder,
        console: Console,
        *,
        about: About,
        weights: Mapping[str, float],
        start_step: int,
        verdict: str = "",
        seconds_per_step: float | None = None,
        stops: Callable[[], bool] = lambda: False,
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._console = console
        self._last_step = settings.train.max_steps
        self._weights = weights
        self._verdict = verdict
        self._failed: set[str] = set()
        self._start_step = start_step
        self._is_estimated = seconds_per_step is not None  # among the opening lines
        self._tracker = Tracker(
            settings, about, weights, start_step, seconds_per_step=seconds_per_step
        )
        if start_step:
            self._tracker.recall(folder.rows())
        self._terminal = Terminal(console, self._tracker, stops)
        self._board: Board | None = None
        if settings.run.tensorboard:
            self.attempt(BOARD, partial(self._open_board, start_step))
        self.attempt("about.json", partial(folder.write_json, folder.about, about.as_dict()))

    def __enter__(self) -> Self:
        self._terminal.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._terminal.stop()
        if self._board is not None:
            self.attempt(BOARD, self._board.close)

    def say(self, line: str) -> None:
        """Print a line, above what is drawn where there is a terminal."""
        self._terminal.print(line, soft_wrap=True)

    def attempt(self, what: str, write: Callable[[], object]) -> None:
        """Write something that is only for looking at; where it fails, say so once and go on."""
        try:
            write()
        except Exception as error:  # noqa: BLE001 - whatever it is, the run is worth more
            if what not in self._failed:
                self._failed.add(what)
                self.say(f"warning: {what} cannot be written ({error}); the run goes on")

    def take(self) -> Action:
        """Return what keys ask for."""
        return self._terminal.take()

    def advance(self, step: int, saved_step: int | None = None) -> None:
        """Take note of the steps made, and of the newest checkpoint that is on the disk."""
        self._tracker.advance(step, saved_step)

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Show what is done while the context lasts, in place of steps."""
        with self._tracker.doing(what):
            yield

    def log_training(
        self,
        step: int,
        terms: Sequence[float],
        *,
        lr: float,
        grad_norm: float,
        samples_per_s: float,
        skipped: int,
        memory_mib: int | None = None,
    ) -> None:
        """Tell the loss terms, averaged since the last log, the pace, and the memory taken."""
        loss = dict(zip(LossTerms._fields, terms, strict=True))
        row = self._log("train", step, {
            "loss": loss, "lr": lr, "grad_norm": grad_norm, "samples_per_s": samples_per_s,
            "skipped": skipped, "memory_mib": memory_mib,
        })  # fmt: skip
        self._plot("loss", loss, step)
        steps_per_s = samples_per_s / effective_batch(self._settings)
        pace = {"samples_per_s": samples_per_s, "steps_per_s": steps_per_s}
        self._plot("optim", {"lr": lr, "grad_norm": grad_norm, "skipped": skipped, **pace}, step)
        if memory_mib is not None:
            self._plot("memory", {"peak_mib": memory_mib}, step)
        line = training_line(loss, self._weights, lr=lr, samples_per_s=samples_per_s)
        self._tracker.log_training(row)
        if not self._terminal.is_drawn:
            left = self._tracker.left_s() if step < self._last_step else None
            rest = "" if left is None else f" · {as_clock(left)} left"
            self.say(f"step {step}/{self._last_step} · {line}{rest}")
        self._estimate()

    def log_validation(self, step: int, validation: Validation, seconds: float) -> None:
        """Log and tell what a validation found, and the seconds it took."""
        figures = {"seconds": round(seconds, 2), **validation.mean, "flat": validation.flat}
        row = self._log("validation", step, figures | {"sources": validation.sources})
        self._tracker.log_validation(row)
        verdict = f" · {self._verdict}" if self._verdict else ""
        self.say(validation_line(step, validation) + verdict)

    def show_validation(self, step: int, validation: Validation) -> None:
        """Plot a validation's figures and write its pictures."""
        self._plot("validation", validation.mean, step)
        for comparison in validation.comparisons:
            path = self._folder.pictures / file_name(comparison.name, f"-step-{step:09d}.png")
            self.attempt("pictures", partial(write_comparison, comparison, path))

    def note_judgement(self, judgement: Judgement) -> None:
        """Show what the watch says now, whether or not it is new."""
        verdict = judgement.verdict
        self._tracker.judge(verdict.value, judgement.evidence, is_alarm=verdict.is_alarm)

    def log_verdict(self, step: int, judgement: Judgement) -> None:
        """Tell whether the run learns, now that this has changed."""
        verdict, evidence = judgement.verdict.value, judgement.evidence
        self._verdict = verdict
        self._log("verdict", step, {"verdict": verdict, "why": evidence})
        self.say(f"step {step} · {verdict}: {evidence}")

    def sum_up(
        self, state: TrainingState, last: Validation | None, judgement: Judgement | None
    ) -> None:
        """Tell every validation clip's figures, and last of all where the weights are.

        Args:
            state: the run's.
            last: its last validation, if there was one.
            judgement: whether it has learned, where it has ended.
        """
        if last is not None:
            self._terminal.print(sources_table(last.sources))
        for line in ending(state.step, self._last_step, state.best, judgement, self._folder.best):
            self.say(line)

    def _log(self, kind: str, step: int, figures: Mapping[str, Any]) -> dict[str, Any]:
        row = {"kind": kind, "step": step, "time": round(time.time(), 1), **figures}
        self._folder.log(row)
        return row

    def _estimate(self) -> None:
        """Say once how long the run will take, as soon as a step was measured."""
        if not self._is_estimated and (text := self._tracker.remaining.text(self._start_step)):
            self._is_estimated = True
            self.say(text)

    def _open_board(self, start_step: int) -> None:
        self._board = Board(self._folder.tensorboard, start_step)

    def _plot(self, group: str, figures: Mapping[str, float], step: int) -> None:
        """Draw figures in TensorBoard; after a failure, nothing more."""
        if self._board is not None and BOARD not in self._failed:
            self.attempt(BOARD, partial(self._board.plot, group, figures, step))
