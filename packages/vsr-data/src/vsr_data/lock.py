"""Locks that end with their process: how a run knows that another's leftovers are leftovers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: leftovers of killed runs stay until deleted by hand
    fcntl = None  # type: ignore[assignment] # the module is either there or not


@contextmanager
def held_lock(path: Path) -> Iterator[None]:
    """Hold a lock that the system lets go of when this process dies."""
    with path.open("w") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_abandoned(lock: Path) -> bool:
    """Whether nobody holds a lock any more; never sure of it where there are no such locks."""
    if fcntl is None:
        return False
    if not lock.exists():
        return True
    with lock.open("r") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True
