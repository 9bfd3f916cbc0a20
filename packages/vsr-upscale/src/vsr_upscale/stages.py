"""Reading ahead and writing behind: threads with bounded queues, whose errors are the caller's."""

import time
from collections.abc import Callable, Iterable, Iterator
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Final, Generic, TypeVar

ItemT = TypeVar("ItemT")

_POLL_S: Final = 0.1
"""Seconds between two looks at whether the other side is still there."""


class _End:
    """Stands behind the last item, with what went wrong there, if anything did."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class Ahead(Generic[ItemT]):
    """Takes items from an iterator in a thread of its own, at most `depth` ahead.

    Attributes:
        waited_s: seconds that the caller has waited for items.

    Args:
        items: where they come from; closed when the caller stops early.
        depth: items that may wait.
    """

    def __init__(self, items: Iterable[ItemT], depth: int) -> None:
        self.waited_s = 0.0
        self._items = items
        self._queue: Queue[ItemT | _End] = Queue(depth)
        self._stopped = Event()
        self._thread = Thread(target=self._take, name="reading ahead", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[ItemT]:
        """Yield the items; what their iterator raises is raised here."""
        try:
            while True:
                before = time.monotonic()
                item = self._queue.get()
                self.waited_s += time.monotonic() - before
                if isinstance(item, _End):
                    if item.error is not None:
                        raise item.error
                    return
                yield item
        finally:
            self.close()

    def close(self) -> None:
        """Stop taking items; returns when none is being made any more."""
        self._stopped.set()
        self._thread.join()

    def _take(self) -> None:
        end = _End()
        try:
            items = iter(self._items)
            for item in items:
                if not _put(self._queue, item, self._stopped):
                    break
            if close := getattr(items, "close", None):
                close()
        except BaseException as error:  # noqa: BLE001 - raised where the items are used
            end = _End(error)
        _put(self._queue, end, self._stopped)


class Behind(Generic[ItemT]):
    """Hands items to a function in a thread of its own, with at most `depth` waiting.

    Attributes:
        waited_s: seconds that the caller has waited for room.

    Args:
        use: called with each item, in order.
        depth: items that may wait.
    """

    def __init__(self, use: Callable[[ItemT], object], depth: int) -> None:
        self.waited_s = 0.0
        self._use = use
        self._queue: Queue[ItemT | _End] = Queue(depth)
        self._failed: BaseException | None = None
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="writing behind", daemon=True)
        self._thread.start()

    def put(self, item: ItemT) -> None:
        """Hand an item over; what the function raised of an earlier one is raised here."""
        before = time.monotonic()
        _put(self._queue, item, self._stopped)
        self.waited_s += time.monotonic() - before
        self._raise()

    def finish(self) -> None:
        """Wait until all items are used; what the function raised is raised here."""
        _put(self._queue, _End(), self._stopped)
        self._thread.join()
        self._raise()

    def stop(self, patience_s: float | None = None) -> None:
        """Use no further item; returns when none is being used any more, or patience has an end.

        Args:
            patience_s: seconds that using an item may take; None waits as long as it takes.
        """
        self._stopped.set()
        self._thread.join(patience_s)

    def _raise(self) -> None:
        if self._failed is not None:
            raise self._failed

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                item = self._queue.get(timeout=_POLL_S)
            except Empty:
                continue
            if isinstance(item, _End):
                return
            try:
                self._use(item)
            except BaseException as error:  # noqa: BLE001 - raised where items are handed over
                self._failed = error
                self._stopped.set()


def _put(queue: Queue[ItemT | _End], item: ItemT | _End, stopped: Event) -> bool:
    """Put an item where there is room; False where the other side is gone."""
    while not stopped.is_set():
        try:
            queue.put(item, timeout=_POLL_S)
        except Full:
            continue
        return True
    return False
