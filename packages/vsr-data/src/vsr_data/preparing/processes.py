"""Work divided among processes that end with whoever started them.

Invariant: no process outlives the iteration, whether it ends, fails or is interrupted, nor the
process that iterates, even when that one is killed; and a process that dies is an error, not a
wait without end.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from threading import Thread
from typing import Any, TypeVar, cast

from vsr_data.errors import DataError
from vsr_data.samples.workers import interrupts_held, start_worker

Item = TypeVar("Item")
Result = TypeVar("Result")


def done_by(
    processes: int, work: Callable[..., Result], shared: Sequence[Any], items: Iterable[Item]
) -> Iterator[Result]:
    """Do `work(*shared, item)` for every item.

    Args:
        processes: how many to start; with 1, or one item, the work is done in this one.
        work: a function of a module.
        shared: arguments that every call has; sent once to each process.
        items: what is worked on.

    Yields:
        The results, as they are ready.

    Raises:
        DataError: a process died.
        Exception: what `work` raises.
    """
    queue = deque(items)
    if min(processes, len(queue)) <= 1:
        yield from (work(*shared, item) for item in queue)
        return
    with interrupts_held():
        workers = dict(_start(work, shared) for _ in range(min(processes, len(queue))))
    try:
        for connection in workers:
            connection.send(queue.popleft())
        busy = set(workers)
        while busy:
            for ready in wait(list(busy)):
                connection = cast("Connection", ready)
                yield _received(connection)
                if queue:
                    connection.send(queue.popleft())
                else:
                    busy.discard(connection)
    finally:
        for connection, process in workers.items():
            connection.close()
            process.kill()  # what it was writing is under a temporary name
        for process in workers.values():
            process.join()


def _start(work: Callable[..., Any], shared: Sequence[Any]) -> tuple[Connection, SpawnProcess]:
    context = get_context("spawn")  # a forked copy of a process with threads may lock up
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, work, tuple(shared)), daemon=True)
    process.start()
    there.close()
    return here, process


def _received(connection: Connection) -> Any:
    try:
        result = connection.recv()
    except (EOFError, OSError) as error:
        raise DataError(
            "a process that prepares windows died; memory may be full: use fewer with --processes, "
            "and run the command again: what is done is kept"
        ) from error
    if isinstance(result, BaseException):
        raise result
    return result


def _serve(connection: Connection, work: Callable[..., Any], shared: tuple[Any, ...]) -> None:
    """Be a process: work until there is nothing left."""
    start_worker(0)
    Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            item = connection.recv()
        except EOFError:
            return
        try:
            result = work(*shared, item)
        except Exception as error:  # noqa: BLE001 - it is raised where the results are wanted
            result = error
        connection.send(result)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
