"""Processes that cut clips: how many, how they start and how they end.

Invariant: an interrupt is the parent's alone, and no worker outlives the iteration it serves.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

import torch

MOST_WORKERS: Final = 4  # what `auto` starts at most; cutting crops is cheap


def resolve_workers(setting: int | Literal["auto"], *, on_accelerator: bool) -> int:
    """Processes to start for `data.workers`.

    Args:
        setting: a number, capped to the cores this process may use, or `auto`.
        on_accelerator: whether the network runs elsewhere than on these cores.

    Returns:
        For `auto`, none where the network needs the cores itself, else one core fewer than there
        are and at most 4.
    """
    available = cores()
    if setting != "auto":
        return max(0, min(setting, available))
    return max(0, min(MOST_WORKERS, available - 1)) if on_accelerator else 0


def end_workers(iterator: Iterator[object]) -> None:
    """End the processes now; left to garbage collection, they live as long as a traceback does."""
    end = getattr(iterator, "_shutdown_workers", None)  # torch has no public name for it
    if end is not None:
        end()


def start_worker(_: int) -> None:
    """Prepare a worker: one thread, and deaf to what a terminal or a user says to the run."""
    torch.set_num_threads(1)
    for name in ("SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Put off SIGINT while processes start; a child starts with it held and keeps it so."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def cores() -> int:
    """Cores this process may use, counted as torch counts them before it warns of workers."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
