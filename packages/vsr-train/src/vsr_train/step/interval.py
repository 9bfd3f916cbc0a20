"""What happened between two rows of the log, gathered on the device and fetched once."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
        values = self._values()
        if values is None:
            raise RuntimeError("no step was made since the last row of the log")
        *sums, finite, grad_norm = processes.average(values.tolist())
        self.pause()
        terms = [value / finite if finite else math.nan for value in sums]
        interval = Interval(terms, grad_norm, self._seconds / self._steps)
        self.__init__()  # type: ignore[misc]  # a fresh interval is a fresh clock
        return interval

    def state_dict(self, processes: Processes) -> dict[str, Any]:
        """Return the sums so far, a row for each process; all of them must ask.

        Call it while the clock is paused. Empty where no step was made since the last row.
        """
        values = self._values()
        if values is None:
            return {}
        rows = torch.stack(processes.gather(values.cpu()))
        return {"values": rows, "steps": self._steps, "seconds": self._seconds}

    def load_state_dict(
        self, stored: Mapping[str, Any], processes: Processes, device: torch.device
    ) -> None:
        """Go on with the sums that `state_dict` returned, those of as many processes or not."""
        if not stored:
            return
        rows = stored["values"].to(device)
        is_as_many = len(rows) == processes.world_size
        values = rows[processes.rank] if is_as_many else rows.mean(dim=0)
        self._sums, self._finite, self._grad_norm = values[:-2], values[-2], values[-1]
        self._steps, self._seconds = stored["steps"], stored["seconds"]
        self.resume()

    def _values(self) -> Tensor | None:
        """Return sums, finite steps and the last norm as one tensor; None before a step."""
        if self._sums is None or self._finite is None or self._grad_norm is None:
            return None
        return torch.cat([self._sums, self._finite.view(1), self._grad_norm.view(1)])
