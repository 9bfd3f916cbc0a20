"""What a run tells while it goes.

On a terminal or as lines, in metrics.jsonl, in TensorBoard, in pictures and as a page.

Every figure that is told is also in metrics.jsonl. What is only for looking at may fail: it is said
once, and the run goes on.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from rich.console import Console

from vsr_files import printable
from vsr_losses import LossTerms
from vsr_settings import Settings, effective_batch
from vsr_train.folder import RunFolder, write_unless_edited
from vsr_train.report.about import About
from vsr_train.report.lines import ending, sources_table, training_line, validation_line
from vsr_train.report.live import Tracker
from vsr_train.report.model_card import model_card
from vsr_train.report.pictures import sheet_path, write_pictures
from vsr_train.report.remaining import as_clock
from vsr_train.report.terminal import Terminal
from vsr_train.signals import Action
from vsr_train.step import TrainingState
from vsr_train.validation import Validation
from vsr_train.watch import Judgement, Snapshot
from vsr_viewer import PAGE, PageWriter

if TYPE_CHECKING:
    from vsr_train.report.board import Board

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
        self._about = about
        self._weights = weights
        self._verdict = verdict
        self._failed: set[str] = set()
        self._left_alone: set[Path] = set()
        self._start_step = start_step
        self._is_estimated = seconds_per_step is not None  # among the opening lines
        self._tracker = Tracker(
            settings, about, weights, start_step, seconds_per_step=seconds_per_step
        )
        if start_step:
            self._tracker.recall(folder.rows())
        self._terminal = Terminal(console, self._tracker, stops)
        self._page = PageWriter(folder.path)
        self._board: Board | None = None
        if settings.run.tensorboard and start_step < self._last_step:
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
        self.attempt(PAGE, partial(self._page.write, has_ended=True))

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
        steps_per_s = samples_per_s / effective_batch(self._settings)
        curves = {f"loss/{name}": term for name, term in loss.items()} | {
            "optim/lr": lr,
            "optim/grad_norm": grad_norm,
            "optim/samples_per_s": samples_per_s,
            "optim/steps_per_s": steps_per_s,
            "optim/skipped": skipped,
        }
        self._draw(lambda board: board.plot(curves, step))
        self._draw(lambda board: board.plot_memory(memory_mib, step))
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

    def show_validation(self, state: TrainingState, validation: Validation) -> None:
        """Plot a validation's figures and write its pictures."""
        step, best = state.step, state.best
        curves = {f"validation/{name}": each for name, each in validation.mean.items()}
        self._draw(lambda board: board.plot(curves, step))
        best_step = int(best["step"]) if best else None
        shown = validation.comparisons
        write = partial(write_pictures, self._folder.pictures, step, shown, best_step)
        self.attempt("pictures", write)
        paths = {each.name: sheet_path(self._folder.pictures, each.name, step) for each in shown}
        sheets = {clip: path for clip, path in paths.items() if path.is_file()}
        self._draw(lambda board: board.add_pictures(step, sheets))
        self._draw(lambda board: board.add_weights(step, state.average.network))
        self.attempt(PAGE, self._page.write)

    def write_model_card(self, best: Mapping[str, float]) -> None:
        """Write what the best weights are beside them, unless a person's text is there.

        Args:
            best: step and figures of the validation that they are from.
        """
        path = self._folder.model_card

        def write() -> None:
            text = model_card(self._settings, self._about, best, self._weights)
            if not write_unless_edited(path, text) and path not in self._left_alone:
                self._left_alone.add(path)
                self.say(f"note: {printable(path)} is not as it was written; it stays as it is")

        self.attempt("the model card", write)

    def plot_watch(self, snapshots: Sequence[Snapshot]) -> None:
        """Plot what the watch has seen, of all snapshots those that are new."""
        self._draw(lambda board: board.plot_watch(snapshots))

    def note_judgement(self, judgement: Judgement) -> None:
        """Show what the watch says now, whether or not it is new."""
        verdict = judgement.verdict
        self._tracker.judge(verdict.value, judgement.evidence, is_alarm=verdict.is_alarm)

    def log_verdict(self, step: int, judgement: Judgement) -> None:
        """Tell whether the run learns, now that this has changed."""
        verdict, evidence = judgement.verdict.value, judgement.evidence
        self._verdict = verdict
        self._log("verdict", step, {"verdict": verdict, "why": evidence})
        self._draw(lambda board: board.add_verdict(step, verdict, evidence))
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
        best = state.best
        if best:
            self._draw(lambda board: board.sum_up(state.step, best))
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
        # Imported here: it takes a quarter of a second, and many a run has no need of it.
        from vsr_train.report.board import Board  # noqa: PLC0415 - see above

        self._board = Board(self._folder.tensorboard, self._settings, self._about, start_step)

    def _draw(self, draw: "Callable[[Board], object]") -> None:
        """Draw something in TensorBoard; after a failure, nothing more."""
        if (board := self._board) is not None and BOARD not in self._failed:
            self.attempt(BOARD, lambda: draw(board))
