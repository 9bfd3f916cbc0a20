"""Where processes leave word for each other before they are connected, and why one failed.

The words lie in torchrun's own store, which lives as long as its first agent does.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from torch.distributed.distributed_c10d import Store

from vsr_device.errors import DeviceError, PeerError

Reason = tuple[str, int]
"""A message and an exit code."""

POLL_S: Final = 0.2
"""Seconds between two looks at the store."""

LONGEST_PREPARATION_S: Final = 7 * 24 * 3600.0
"""Seconds that processes wait for the slowest: decoding a shelf of films takes hours."""

_FAILURE: Final = "failure"


@dataclass(frozen=True)
class Bulletin:
    """The store of the run, and which machine this is."""

    store: Store
    node: str

    def post(self, key: str, text: str = "done") -> None:
        """Leave word that something is done, and what came of it.

        Raises:
            PeerError: if the store is gone, with the process or agent that kept it.
        """
        with _store_watched():
            self.store.set(key, text)

    def read(self, key: str) -> str:
        """Return what came of something that is done.

        Raises:
            PeerError: if the store is gone, with the process or agent that kept it.
        """
        with _store_watched():
            return self.store.get(key).decode()

    def post_failure(self, rank: int, reason: Reason) -> None:
        """Leave word why a process cannot go on; the first to fail is the one that is heard."""
        message, code = reason
        with suppress(RuntimeError):  # without a store nobody is left to be told
            self.store.compare_set(_FAILURE, "", json.dumps([rank, message, code]))

    def wait_for(self, keys: Sequence[str]) -> None:
        """Wait until all of that is done.

        Raises:
            PeerError: if a process failed meanwhile.
            DeviceError: if it takes longer than a week.
        """
        latest = time.monotonic() + LONGEST_PREPARATION_S
        with _store_watched():
            while not self._has(keys):
                if self._has([_FAILURE]):
                    raise self.failure(in_order=False)
                if time.monotonic() > latest:
                    missing = [key for key in keys if not self._has([key])]
                    raise DeviceError(
                        f"waited a week for {', '.join(missing)}; look at the processes on every "
                        "machine, end them and start again"
                    )
                time.sleep(POLL_S)

    def failure(self, *, in_order: bool) -> PeerError:
        """Return why another process cannot go on, as far as it left word."""
        with suppress(RuntimeError):
            if self._has([_FAILURE]):
                rank, message, code = json.loads(self.store.get(_FAILURE))
                return PeerError(f"process {rank}: {message}", code, in_order=in_order)
        return PeerError(
            "another process ended without a word; torchrun tells which, and how", 1, in_order=False
        )

    def _has(self, keys: Sequence[str]) -> bool:
        return bool(self.store.check(list(keys)))  # type: ignore[attr-defined]  # not in the stubs


@contextmanager
def _store_watched() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise PeerError(
            "the first process, or torchrun beside it, ended without a word", 1, in_order=False
        ) from error
