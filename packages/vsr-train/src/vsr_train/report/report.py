"""What a run tells: a progress bar or plain lines, metrics.jsonl, and TensorBoard.

A terminal gets a bar with the four loss terms and a line per validation; anything else gets a line
per log too. Every figure that is shown is also in metrics.jsonl. What is only for looking at may
fail: it is said once, and the run goes on.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from vsr_losses import LossTerms
from vsr_settings import Settings
from vsr_train.folder import RunFolder
from vsr_train.report.comparison import write_comparison
from vsr_train.report.naming import file_name
from vsr_train.step import TrainingState
from vsr_train.validation import Scores, Validation
from vsr_train.watch import Judgement

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class Report:
    """The voice of a run.

    Args:
        settings: the run.
        folder: where its log and pictures go.
        console: where its lines go.
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
        weights: Mapping[str, float],
        start_step: int,
        verdict: str = "",
    ) -> None:
        self._folder = folder
        self._console = console
        self._last_step = settings.train.max_steps
        self._weights = weights
        self._verdict = verdict
        self._failed: set[str] = set()
        self._board: SummaryWriter | None = None
        self.attempt("TensorBoard's files", lambda: self._open_board(start_step))
        self._progress = Progress(
            TextColumn("step"),
            MofNCompleteColumn(),
            BarColumn(bar_width=30),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._progress.add_task("", total=self._last_step, completed=start_step)
        self._figures = Text("…")
        self._live = Live(
            Group(self._progress, self._figures),
            console=console,
            transient=True,
            refresh_per_second=4,
        )

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()
        if self._board is not None:
            self.attempt("TensorBoard's files", self._board.close)

    def say(self, line: str) -> None:
        """Print a line, above the bar where there is one."""
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
        """Move the bar."""
        self._progress.update(self._task, completed=step)

    def log_training(
        self,
        step: int,
        terms: Sequence[float],
        *,
        lr: float,
        grad_norm: float,
        samples_per_s: float,
        skipped: int,
    ) -> None:
        """Tell the loss terms, averaged since the last log, and the pace."""
        loss = dict(zip(LossTerms._fields, terms, strict=True))
        row = {
            "kind": "train",
            "step": step,
            "loss": loss,
            "lr": lr,
            "grad_norm": grad_norm,
            "samples_per_s": samples_per_s,
            "skipped": skipped,
        }
        self._folder.log(row)
        train = {"lr": lr, "grad_norm": grad_norm, "samples_per_s": samples_per_s}
        self._plot("loss", loss, step)
        self._plot("train", train | {"skipped": skipped}, step)
        pace = f"{self._shown(loss)} · lr {lr:.1e} · {samples_per_s:.1f} samples/s"
        self._figures.plain = pace
        if not self._console.is_terminal:
            self.say(f"step {step}/{self._last_step} · {pace}")

    def _shown(self, loss: Mapping[str, float]) -> str:
        """Return the terms before weighting, with their weights and shares of the total."""
        shown = []
        for name, value in loss.items():
            if name == "plain" and value == 0:  # there is one output alone
                continue
            weight = 1.0 if name == "plain" else self._weights.get(name, 0.0)
            part = weight * value / loss["total"] if loss["total"] else 0.0
            times = "" if name == "plain" else f"×{weight:g}, "  # its own terms are weighted
            share = f" ({times}{part:.0%})" if weight else ""
            shown.append(f"{name} {value:.4f}{share}")
        return " · ".join(shown)

    def log_validation(self, step: int, validation: Validation) -> None:
        """Log and tell what a validation found."""
        figures = {**validation.mean, "flat": validation.flat, "sources": validation.sources}
        self._folder.log({"kind": "validation", "step": step, **figures})
        verdict = f" · {self._verdict}" if self._verdict else ""
        self.say(validation_line(step, validation) + verdict)

    def show_validation(self, step: int, validation: Validation) -> None:
        """Plot a validation's figures and write its pictures."""
        self._plot("validation", validation.mean, step)
        for comparison in validation.comparisons:
            path = self._folder.pictures / file_name(comparison.name, f"-step-{step:09d}.png")
            self.attempt("pictures", partial(write_comparison, comparison, path))

    def log_verdict(self, step: int, judgement: Judgement) -> None:
        """Tell whether the run learns, now that this has changed."""
        verdict, evidence = judgement.verdict.value, judgement.evidence
        self._verdict = verdict
        self._folder.log({"kind": "verdict", "step": step, "verdict": verdict, "why": evidence})
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

    def _open_board(self, start_step: int) -> None:
        # Imported here: it takes half a second, and a run that is refused needs none of it.
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - see above

        self._board = SummaryWriter(str(self._folder.tensorboard), purge_step=start_step + 1)

    def _plot(self, group: str, figures: Mapping[str, float], step: int) -> None:
        """Draw figures in TensorBoard; after a failure, nothing more."""
        board = self._board
        if board is None or "TensorBoard's files" in self._failed:
            return
        for name, value in figures.items():
            self.attempt(
                "TensorBoard's files", partial(board.add_scalar, f"{group}/{name}", value, step)
            )


def validation_line(step: int, validation: Validation) -> str:
    """Return what a validation found, in one line."""
    mean, flat = validation.mean, validation.flat
    left_out = f" · {flat} flat window{'s' * (flat > 1)} left out" if flat else ""
    gains = f"{mean['gain_bicubic_db']:+.2f} over bicubic, {mean['gain_db']:+.2f} over bilinear"
    return (
        f"step {step} · PSNR {mean['psnr']:.2f} dB, {gains} · Y {mean['psnr_y']:.2f} dB"
        f" · SSIM {mean['ssim']:.4f} · sharpness {mean['sharpness']:.0%}"
        f" (bicubic {mean['sharpness_bicubic']:.0%}) · neighbours {mean['temporal_db']:+.3f} dB"
        f"{left_out}"
    )


def sources_table(sources: dict[str, Scores]) -> Table:
    """Return the figures of every validation clip; 80 columns hold them and names of 8."""
    table = Table(title="validation, dB", padding=0)
    table.add_column("clip", overflow="fold")
    columns = {
        "bilinear": ("psnr_bilinear", ".2f"),
        "bicubic": ("psnr_bicubic", ".2f"),
        "output": ("psnr", ".2f"),
        "over bicubic": ("gain_bicubic_db", "+.2f"),
        "neighbours": ("temporal_db", "+.2f"),
        "sharpness": ("sharpness", ".0%"),
        "SSIM": ("ssim", ".4f"),
        "SSIM bicubic": ("ssim_bicubic", ".4f"),
    }
    for title in columns:
        table.add_column(title, justify="right", no_wrap=" " not in title)
    for name, scores in sources.items():
        table.add_row(name, *(format(scores[key], style) for key, style in columns.values()))
    return table
