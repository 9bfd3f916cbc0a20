"""What happens in a run, gathered for what is drawn of it: told by the run, read at any moment."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from math import isnan, nan
from typing import Any, Final

from vsr_settings import Settings, effective_batch
from vsr_train.report.about import About
from vsr_train.report.live.status import Clip, Losses, Memory, Score, Status
from vsr_train.report.live.trend import History
from vsr_train.report.remaining import Remaining
from vsr_train.signals import Action
from vsr_train.step import phase

MOST_SCORES: Final = 256
"""Latest validations that are remembered."""

MOST_CLIPS: Final = 32
"""Clips of the latest validation that are, those that gain least."""

TRAINING, VALIDATING = "training", "validating"

_BEGINS: Final = {
    VALIDATING: Action.VALIDATE,
    "saving": Action.SAVE,
    "paused": Action.PAUSE,
}
"""What is asked for no more once something has begun."""


_FIGURES: Final = tuple({*Score.__dataclass_fields__} - {"step", "seconds"})
"""Of a validation, in dB."""


class Tracker:
    """A run so far; any thread may ask for its `status`.

    Args:
        settings: the run.
        about: what it is.
        weights: the loss terms' weights by name.
        start_step: the step it starts or resumes at.
        seconds_per_step: what a step is expected to take, where it was rehearsed.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        settings: Settings,
        about: About,
        weights: Mapping[str, float],
        start_step: int,
        *,
        seconds_per_step: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        train = settings.train
        self._lock = threading.RLock()
        self._settings, self._about, self._weights = settings, about, weights
        self._now = clock
        self._began = self._stepped = self._doing_since = clock()
        self._doing = "starting"
        self._step = self._logged_step = start_step
        self._saved_step: int | None = start_step or None
        self._saved_at: float | None = None
        self.remaining = Remaining(train.max_steps, train.val_every, seconds_per_step)
        self._losses: Losses | None = None
        self._trends: dict[str, History] = {}
        self._used_mib: int | None = None
        self._scores: list[Score] = []
        self._clips: tuple[Clip, ...] = ()
        self._verdict, self._evidence, self._is_alarm = "", "", False
        self._asked = Action.NOTHING

    def advance(self, step: int, saved_step: int | None = None) -> None:
        """Take note of the steps made, and of the newest checkpoint on the disk."""
        with self._lock:
            now = self._now()
            if step != self._step:
                self._step, self._stepped = step, now
            if saved_step is not None and saved_step != self._saved_step:
                self._saved_step, self._saved_at = saved_step, now
            if self._doing == "starting":
                self._doing = TRAINING

    def log_training(self, row: Mapping[str, Any]) -> None:
        """Take note of a row of the log."""
        with self._lock:
            steps = row["step"] - self._logged_step
            pace = row["samples_per_s"]
            self._logged_step = row["step"]
            if steps > 0 and pace > 0:
                self.remaining.add_steps(steps, steps * effective_batch(self._settings) / pace)
            self._losses = self._losses_of(row)
            self._used_mib = row.get("memory_mib")
            for name, value in row["loss"].items():
                self._trends.setdefault(name, History()).add(value)

    def log_validation(self, row: Mapping[str, Any]) -> None:
        """Take note of a validation's row of the log."""
        with self._lock:
            self._scores.append(_score(row))
            del self._scores[:-MOST_SCORES]
            if self._scores[-1].seconds is not None:
                self.remaining.add_validation(self._scores[-1].seconds)
            clips = [
                Clip(name, _figure(each["psnr"]), _figure(each["gain_bicubic_db"]))
                for name, each in row["sources"].items()
            ]
            self._clips = tuple(sorted(clips, key=_worst_first)[:MOST_CLIPS])

    def recall(self, rows: Iterator[Mapping[str, Any]]) -> None:
        """Take up the log of an earlier process, as far as it can be read."""
        for row in rows:
            # A damaged row is no reason not to train.
            with suppress(KeyError, TypeError, ValueError, AttributeError):
                match row["kind"]:
                    case "train":
                        for name, value in row["loss"].items():
                            self._trends.setdefault(name, History()).add(float(value))
                    case "validation":
                        self.log_validation(row)
                    case _:
                        pass

    def judge(self, verdict: str, evidence: str, *, is_alarm: bool) -> None:
        """Take note of what the watch says."""
        with self._lock:
            self._verdict, self._evidence, self._is_alarm = verdict, evidence, is_alarm

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Say what is done while the context lasts, in place of steps."""
        with self._lock:
            before = self._doing, self._doing_since
            self._doing, self._doing_since = what, self._now()
            self._asked &= ~_BEGINS.get(what, Action.NOTHING)
        yield
        with self._lock:
            if before[0] == TRAINING:  # a step goes on where it stood
                self._stepped += self._now() - self._doing_since
            self._doing, self._doing_since = before

    def ask(self, asked: Action) -> None:
        """Take note of what was asked for and has not begun."""
        with self._lock:
            self._asked |= asked

    def withdraw(self, asked: Action) -> None:
        """Take note of what is asked for no more."""
        with self._lock:
            self._asked &= ~asked

    def status(self) -> Status:
        """Return the run at this moment."""
        with self._lock:
            now, train, about = self._now(), self._settings.train, self._about
            is_training = self._doing == TRAINING
            is_process = not about.device.startswith("cuda")
            return Status(
                name=about.name,
                network=about.network,
                device=about.device,
                precision=about.precision,
                last_step=train.max_steps,
                weights=self._weights,
                perceptual=about.perceptual,
                grad_clip=train.grad_clip,
                step=self._step,
                doing=self._doing,
                doing_s=0.0 if is_training else now - self._doing_since,
                running_s=now - self._began,
                left_s=self.left_s(),
                losses=self._losses,
                trends={name: history.values for name, history in self._trends.items()},
                memory=Memory(
                    self._used_mib, about.predicted_total_mib, about.budget_mib, is_process
                ),
                scores=tuple(self._scores),
                clips=self._clips,
                next_validation=self._next_validation(),
                verdict=self._verdict,
                evidence=self._evidence,
                is_alarm=self._is_alarm,
                saved_step=self._saved_step,
                saved_s=None if self._saved_at is None else now - self._saved_at,
                asked=self._asked,
            )

    def left_s(self) -> float | None:
        """Return the seconds until the run ends; None where that is not known yet."""
        with self._lock:
            now = self._now()
            since = now - self._stepped if self._doing == TRAINING else 0.0
            left = self.remaining.seconds(self._step, since)
            if left is None or self._doing != VALIDATING:
                return left
            return left + max(0.0, self.remaining.validation_s - (now - self._doing_since))

    def _next_validation(self) -> int | None:
        train, step = self._settings.train, self._step
        is_due = step > 0 and (step % train.val_every == 0 or step == train.max_steps)
        if is_due and (not self._scores or self._scores[-1].step != step):
            return step
        following = (step // train.val_every + 1) * train.val_every
        return min(following, train.max_steps) if step < train.max_steps else None

    def _losses_of(self, row: Mapping[str, Any]) -> Losses:
        samples_per_s, step = row["samples_per_s"], row["step"]
        return Losses(
            terms=row["loss"],
            lr=row["lr"],
            phase=phase(step - 1 - row["skipped"], self._settings.train),
            grad_norm=row["grad_norm"],
            samples_per_s=samples_per_s,
            steps_per_s=samples_per_s / effective_batch(self._settings),
            withheld=row["skipped"],
        )


def _score(row: Mapping[str, Any]) -> Score:
    seconds = row.get("seconds")
    figures = {name: _figure(row[name]) for name in _FIGURES}
    took = None if seconds is None else float(seconds)
    return Score(step=int(row["step"]), seconds=took, **figures)


def _worst_first(clip: Clip) -> tuple[bool, float]:
    return isnan(clip.gain_bicubic_db), clip.gain_bicubic_db


def _figure(value: Any) -> float:
    """Return a figure of the log, which says null where there is no finite number."""
    return nan if value is None else float(value)
