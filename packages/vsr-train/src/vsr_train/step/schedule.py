"""The learning rate as a pure function of how many updates were made."""

import math

from vsr_settings import Train


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
