"""What happened between two rows of the log, gathered on the device and fetched once."""

import math
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from vsr_device import Processes
from vsr_train.step.stepper import StepResult


@dataclass(frozen=True)
class Interval:
    """The steps since the last row of the log."""

    terms: list[float]
    """Loss terms averaged over the steps whose loss was finite; NaN where there was none."""
    grad_norm: float
    """Gradient norm of the last step."""
    seconds_per_step: float
    """Wall time of a step, validation and saving apart."""


class StepClock:
    """Gathers step results without waiting for the device."""

    def __init__(self) -> None:
        self._sums: Tensor | None = None
        self._finite: Tensor | None = None
        self._grad_norm: Tensor | None = None
        self._steps = 0
        self._seconds = 0.0
        self._since = time.perf_counter()

    def add(self, result: StepResult) -> None:
        """Count one step."""
        finite = result.terms.isfinite().all()
        terms = torch.where(finite, result.terms, 0.0)
        self._sums = terms if self._sums is None else self._sums + terms
        self._finite = finite.int() if self._finite is None else self._finite + finite
        self._grad_norm = result.grad_norm
        self._steps += 1

    def pause(self) -> None:
        """Stop the clock while something other than a step happens."""
        self._seconds += time.perf_counter() - self._since

    def resume(self) -> None:
        """Start the clock again."""
        self._since = time.perf_counter()

    def fetch(self, processes: Processes) -> Interval:
        """Wait for the device, return the interval of all processes, and begin the next."""
        if self._sums is None or self._finite is None or self._grad_norm is None:
            raise RuntimeError("no step was made since the last row of the log")
        values = torch.cat([self._sums, self._finite.view(1), self._grad_norm.view(1)])
        *sums, finite, grad_norm = processes.average(values.tolist())
        self.pause()
        terms = [value / finite if finite else math.nan for value in sums]
        interval = Interval(terms, grad_norm, self._seconds / self._steps)
        self.__init__()  # type: ignore[misc]  # a fresh interval is a fresh clock
        return interval
