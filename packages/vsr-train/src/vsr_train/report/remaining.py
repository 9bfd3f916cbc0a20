"""How long a run will still take, from what its steps and validations took so far.

Numbers in, numbers out: no clock is read here.
"""

import math
from collections import deque
from typing import Final

ROWS: Final = 5
"""Latest rows of the log whose pace counts."""


class Remaining:
    """Estimates the time that is left.

    Args:
        last_step: the step that the run ends with.
        val_every: steps between validations; the last step has one, too.
        seconds_per_step: what a step is expected to take, until steps were measured.
    """

    def __init__(
        self, last_step: int, val_every: int, seconds_per_step: float | None = None
    ) -> None:
        self._last_step = last_step
        self._val_every = val_every
        self._expected = seconds_per_step
        self._rows: deque[tuple[int, float]] = deque(maxlen=ROWS)
        self._validation_s: float | None = None  # until one was measured

    def add_steps(self, steps: int, seconds: float) -> None:
        """Take note of the steps of a row of the log, and of the seconds they took together.

        A row of one step counts until there is a longer one: a run's first step is not its pace.
        """
        if self._rows and self._rows[0][0] == 1 < steps:
            self._rows.popleft()
        self._rows.append((steps, seconds))

    def add_validation(self, seconds: float) -> None:
        """Take note of what a validation took; the latest counts."""
        self._validation_s = seconds

    @property
    def seconds_per_step(self) -> float | None:
        """What a step takes; None where nothing is known of it."""
        if not self._rows:
            return self._expected
        return sum(seconds for _, seconds in self._rows) / sum(steps for steps, _ in self._rows)

    @property
    def validation_s(self) -> float:
        """What a validation takes; 0 until one was measured."""
        return self._validation_s or 0.0

    def validations(self, step: int) -> int:
        """Return how many validations are due after a step."""
        if step >= self._last_step:
            return 0
        due = self._last_step // self._val_every - step // self._val_every
        return due + bool(self._last_step % self._val_every)

    def seconds(self, step: int, since: float = 0.0) -> float | None:
        """Return the seconds that are left after a step, validations among them where measured.

        Args:
            step: steps made.
            since: seconds since then, of which no more than a step's count.

        Returns:
            None where nothing is known of a step.
        """
        pace = self.seconds_per_step
        if pace is None:
            return None
        steps = max(0, self._last_step - step)
        validations = self.validations(step) * self.validation_s
        return max(0.0, steps * pace - min(since, pace)) + validations

    def text(self, step: int) -> str:
        """Return the estimate of all that is left after a step, in words; empty where unknown."""
        seconds = self.seconds(step)
        if seconds is None or step >= self._last_step:
            return ""
        rest = f"the {self._last_step - step} steps that are left" if step else "the whole run"
        count = self.validations(step) if self._validation_s is None else 0
        apart = f", {count} validation{'s' * (count > 1)} apart" if count else ""
        return f"about {in_words(seconds)} for {rest}{apart}"


def in_words(seconds: float) -> str:
    """Return a time as people say it, such as `45 s`, `4 min`, `3 h 10 min` or `16 d 4 h`."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours = round(seconds / 3600)
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{hours // 24} d {hours % 24} h"


def as_clock(seconds: float) -> str:
    """Return a time as clocks show it, such as `0:32` or `2:05:00`; days are counted apart."""
    if not math.isfinite(seconds):
        return "…"
    whole = round(seconds)
    if whole >= 24 * 3600:
        return in_words(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
