"""What a run tells while it goes.

On a terminal or as lines, in metrics.jsonl, in TensorBoard, in pictures and as a page.

Every figure that is shown is also in metrics.jsonl. What is only for looking at may fail: it is
said once, and the run goes on.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

from rich.console import Console

from vsr_losses import LossTerms
from vsr_settings import Settings, effective_batch
from vsr_train.folder import RunFolder
from vsr_train.report.about import About
from vsr_train.report.board import Board
from vsr_train.report.lines import sources_table, training_line, validation_line
from vsr_train.report.pictures import write_pictures
from vsr_train.report.terminal import Terminal
from vsr_train.step import TrainingState
from vsr_train.validation import Validation
from vsr_train.watch import Judgement
from vsr_viewer import PAGE, PageWriter

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
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._console = console
        self._last_step = settings.train.max_steps
        self._weights = weights
        self._verdict = verdict
        self._failed: set[str] = set()
        self._terminal = Terminal(console, settings, about, weights, start_step)
        self._page = PageWriter(folder.path)
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
        self.attempt(PAGE, partial(self._page.write, has_ended=True))

    def say(self, line: str) -> None:
        """Print a line, above what is drawn where there is a terminal."""
        self._console.print(line, soft_wrap=True)

    def attempt(self, what: str, write: Callable[[], object]) -> None:
        """Write something that is only for looking at; where it fails, say so once and go on."""
        try:
            write()
        except Exception as error:  # noqa: BLE001 - whatever it is, the run is worth more
            if what not in self._failed:
                self._failed.add(what)
                self.say(f"warning: {what} cannot be written ({error}); the run goes on")

    def advance(self, step: int) -> None:
        """Take note of a step made."""
        self._terminal.advance(step)

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
        self._log("train", step, {
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
        self._terminal.show(line)
        if not self._console.is_terminal:
            self.say(f"step {step}/{self._last_step} · {line}")

    def log_validation(self, step: int, validation: Validation) -> None:
        """Log and tell what a validation found."""
        figures = {**validation.mean, "flat": validation.flat, "sources": validation.sources}
        self._log("validation", step, figures)
        verdict = f" · {self._verdict}" if self._verdict else ""
        self.say(validation_line(step, validation) + verdict)

    def show_validation(self, state: TrainingState, validation: Validation) -> None:
        """Plot a validation's figures and write its pictures."""
        step, best = state.step, state.best
        self._plot("validation", validation.mean, step)
        best_step = int(best["step"]) if best else None
        shown = validation.comparisons
        write = partial(write_pictures, self._folder.pictures, step, shown, best_step)
        self.attempt("pictures", write)
        self.attempt(PAGE, self._page.write)

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
            self._console.print(sources_table(last.sources))
        ended = f"finished at step {state.step}"
        if state.step < self._last_step:
            ended = f"stopped at step {state.step} of {self._last_step}; go on with --resume auto"
        if not state.best:
            self.say(f"{ended}; not validated yet")
            return
        best = state.best
        which = "" if best["step"] == state.step else f", best at step {best['step']:.0f}"
        learned = "" if judgement is None else f"; {judgement.verdict}: {judgement.evidence}"
        self.say(
            f"{ended}{which}: PSNR {best['psnr']:.2f} dB, {best['gain_bicubic_db']:+.2f} dB over "
            f"bicubic{learned}; weights in {self._folder.best}"
        )

    def _log(self, kind: str, step: int, figures: Mapping[str, Any]) -> None:
        row = {"kind": kind, "step": step, "time": round(time.time(), 1), **figures}
        self._folder.log(row)

    def _open_board(self, start_step: int) -> None:
        self._board = Board(self._folder.tensorboard, start_step)

    def _plot(self, group: str, figures: Mapping[str, float], step: int) -> None:
        """Draw figures in TensorBoard; after a failure, nothing more."""
        if self._board is not None and BOARD not in self._failed:
            self.attempt(BOARD, partial(self._board.plot, group, figures, step))
