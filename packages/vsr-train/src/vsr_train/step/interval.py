"""What happened between two rows of the log, gathered on the device and fetched once."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vsr_device import Processes
from vsr_losses import LossTerms
from vsr_train.step.stepper import StepResult


@dataclass(frozen=True)
class Interval:
    """The steps since the last row of the log."""

    terms: list[float]
    """Loss terms averaged over processes and the steps that were finite in all of them; NaN where
    there was none."""
    grad_norm: float
    """Gradient norm of the last step, of all processes together."""
    seconds_per_step: float
    """Wall time of a step, validation and saving apart."""


class StepClock:
    """Gathers step results without waiting for the device."""

    def __init__(self) -> None:
        self._terms: list[Tensor] = []
        self._grad_norm: Tensor | None = None
        self._seconds = 0.0
        self._since = time.perf_counter()
        self._stands = False

    def add(self, result: StepResult) -> None:
        """Count one step."""
        self._terms.append(result.terms)
        self._grad_norm = result.grad_norm

    def pause(self) -> None:
        """Stop the clock while something other than a step happens."""
        self._seconds += time.perf_counter() - self._since

    def resume(self) -> None:
        """Start the clock again."""
        self._since = time.perf_counter()

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Let the clock stand still while the context lasts; within another, it does already."""
        if self._stands:
            yield
            return
        self.pause()
        self._stands = True
        yield
        self._stands = False
        self.resume()

    def fetch(self, processes: Processes) -> Interval:
        """Wait for the device, return the interval of all processes, and begin the next."""
        if self._grad_norm is None:
            raise RuntimeError("no step was made since the last row of the log")
        norm = self._grad_norm.to(self._terms[-1].dtype).expand(1, self._terms[-1].numel())
        *own, norms = torch.cat([torch.stack(self._terms), norm]).tolist()
        self.pause()
        finite = [
            terms
            for step in zip(*processes.gather(own), strict=True)
            if _is_finite(terms := _mean(step))
        ]
        terms = _mean(finite) if finite else [math.nan] * len(norms)
        interval = Interval(terms, norms[0], self._seconds / len(own))
        self.__init__()  # type: ignore[misc]  # a fresh interval is a fresh clock
        return interval

    def state_dict(self, processes: Processes) -> dict[str, Any]:
        """Return the steps so far of every process; all of them must ask.

        Call it while the clock is paused. Empty where no step was made since the last row.
        """
        if self._grad_norm is None:
            return {}
        own = torch.stack(self._terms).cpu()
        return {
            "terms": torch.stack(processes.gather(own)),
            "grad_norm": float(self._grad_norm),
            "seconds": self._seconds,
        }

    def load_state_dict(
        self, stored: Mapping[str, Any], processes: Processes, device: torch.device
    ) -> None:
        """Go on with the steps that `state_dict` returned, those of as many processes or not."""
        if not stored:
            return
        terms = _with_plain(stored["terms"].to(device))
        is_as_many = len(terms) == processes.world_size
        own = terms[processes.rank] if is_as_many else terms.mean(dim=0)
        self._terms = list(own)
        self._grad_norm = own.new_tensor(stored["grad_norm"])
        self._seconds = stored["seconds"]
        self.resume()


def _with_plain(terms: Tensor) -> Tensor:
    """Give terms of a checkpoint from before there was `LossTerms.plain` a place for it."""
    if terms.shape[-1] == len(LossTerms._fields):
        return terms
    at = LossTerms._fields.index("plain")
    return torch.cat([terms[..., :at], torch.zeros_like(terms[..., :1]), terms[..., at:]], dim=-1)


def _mean(rows: Sequence[Sequence[float]]) -> list[float]:
    """Average each column; not finite where one of its values is not."""
    return [sum(column) / len(rows) for column in zip(*rows, strict=True)]


def _is_finite(terms: Sequence[float]) -> bool:
    return all(map(math.isfinite, terms))
