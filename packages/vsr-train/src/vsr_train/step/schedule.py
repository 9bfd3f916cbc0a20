"""The learning rate as a pure function of how many updates were made."""

import math
from typing import Final

import torch
from torch import Tensor

from vsr_settings import Train

TABLE_STEPS: Final = 1024
"""Steps that a table of rates lasts for."""


def learning_rate(update: int, train: Train) -> float:
    """Return the learning rate of an update: linear warm-up, then a cosine to `min_lr`.

    Args:
        update: optimiser steps that took effect before this one.
        train: the `[train]` section, resolved.

    Raises:
        ValueError: if the section is not resolved.
    """
    warmup_steps = train.warmup_steps
    if warmup_steps == "auto":
        raise ValueError("train.warmup_steps is 'auto'; resolve the settings first")
    if update < warmup_steps:
        return train.max_lr * (update + 1) / (warmup_steps + 1)
    span = max(1, train.max_steps - 1 - warmup_steps)
    progress = min(1.0, (update - warmup_steps) / span)
    return train.min_lr + (train.max_lr - train.min_lr) * (1 + math.cos(math.pi * progress)) / 2


def phase(update: int, train: Train) -> str:
    """Return which part of the schedule an update is in, in words.

    Args:
        update: optimiser steps that took effect before this one.
        train: the `[train]` section, resolved.
    """
    warmup_steps = train.warmup_steps
    if isinstance(warmup_steps, int) and update < warmup_steps:
        return "warm-up"
    return "at its floor" if learning_rate(update, train) <= train.min_lr else "cosine"


class Schedule:
    """Learning rates looked up on the device, where alone it is known which steps took effect.

    Args:
        train: the `[train]` section, resolved.
    """

    def __init__(self, train: Train) -> None:
        self._train = train
        self._first_step = 0
        self._lowest = 0
        self._rates: Tensor | None = None

    def rate(self, step: int, withheld: Tensor) -> Tensor:
        """Return `learning_rate(step - withheld)` without waiting for the device.

        Only every 1,024 steps, when a new table begins, is the number of withheld steps fetched.

        Args:
            step: steps made before this one.
            withheld: how many of them were withheld; a scalar on any device.
        """
        if self._rates is None or not 0 <= step - self._first_step < TABLE_STEPS:
            self._first_step, self._lowest = step, step - int(withheld)
            rates = [learning_rate(self._lowest + i, self._train) for i in range(TABLE_STEPS)]
            exact = torch.float32 if withheld.device.type == "mps" else torch.float64
            self._rates = torch.tensor(rates, dtype=exact, device=withheld.device)
        return torch.take(self._rates, step - self._lowest - withheld)
