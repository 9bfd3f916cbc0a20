"""Work shared out over processes, one process for each piece: a crash costs that piece alone.

libav is given files that were broken on purpose; what brings a process down, or fills its memory,
must not take the others' results with it. Memory is bounded by as many pieces as there are cores.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Final, Generic, TypeVar

import torch

from vsr_data.samples.workers import cores

TOLD_EVERY_S: Final = 0.2  # seconds between two messages of a process
PRELOADED: Final = ["vsr_data.doctor.examination"]  # imported once, for all processes

Piece = TypeVar("Piece")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Death:
    """What became of a piece whose process ended without a result; the text follows "it"."""

    reason: str


@dataclass
class _Job(Generic[Piece]):
    piece: Piece
    process: BaseProcess
    pipe: Connection
    outcome: object = None
    is_done: bool = field(default=False)


def shared_out(
    pieces: Sequence[Piece],
    work: Callable[[Piece, Callable[[int], object]], Result],
    watch: Callable[[Piece, int], object],
    processes: int | None = None,
) -> Iterator[tuple[Piece, Result | Death]]:
    """Do pieces of work side by side, each in a process of its own.

    Args:
        pieces: what to do; they and the results must be fit to be sent.
        work: does one, told a function to call with how far it is.
        watch: told a piece and how far it is.
        processes: how many at once; as many as cores if None; 0 does them here, one by one.

    Yields:
        Each piece with its result, or how its process died, as they are finished.
    """
    if processes == 0:
        for piece in pieces:
            yield piece, work(piece, partial(watch, piece))
        return
    context, waiting = _context(), list(reversed(pieces))
    jobs: list[_Job[Piece]] = []
    try:
        while waiting or jobs:
            while waiting and len(jobs) < (processes or cores()):
                jobs.append(_started(context, waiting.pop(), work))
            wait([job.pipe for job in jobs])
            for job in jobs:
                _listen(job, watch)
            for job in [job for job in jobs if job.is_done]:
                jobs.remove(job)
                job.process.join()
                yield job.piece, job.outcome  # type: ignore[misc]  # what `work` returned
    finally:
        for job in jobs:
            job.process.kill()
            job.process.join()


def _context() -> BaseContext:
    """Processes that are forked from one which has imported everything, where there can be."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def _started(
    context: BaseContext, piece: Piece, work: Callable[[Piece, Callable[[int], object]], Result]
) -> _Job[Piece]:
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_do, args=(theirs, work, piece), daemon=True)  # type: ignore[attr-defined]  # every context has it
    process.start()
    theirs.close()
    return _Job(piece, process, ours)


def _do(
    pipe: Connection, work: Callable[[Piece, Callable[[int], object]], Result], piece: Piece
) -> None:
    """Do a piece in a process: deaf to what a terminal says to the command, on one thread."""
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    torch.set_num_threads(1)
    latest = time.monotonic()

    def tell(done: int) -> None:
        nonlocal latest
        if time.monotonic() - latest >= TOLD_EVERY_S:
            latest = time.monotonic()
            pipe.send((False, done))

    try:
        pipe.send((True, work(piece, tell)))
    except BrokenPipeError:
        os._exit(1)  # whoever asked has gone


def _listen(job: _Job[Piece], watch: Callable[[Piece, int], object]) -> None:
    """Take what a process has sent so far."""
    try:
        while not job.is_done and job.pipe.poll():
            job.is_done, message = job.pipe.recv()
            if job.is_done:
                job.outcome = message
            else:
                watch(job.piece, message)
    except EOFError:
        job.process.join()
        job.is_done, job.outcome = True, Death(_cause(job.process.exitcode))


def _cause(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        told = " (memory may be full)" if name == "SIGKILL" else ""
        return f"brought down the process that read it by {name}{told}"
    return f"ended the process that read it (exit code {exitcode})"
