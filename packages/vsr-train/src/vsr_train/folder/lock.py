"""One run owns its folder while it lives: a second one is refused, a dead one's lock is free."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from filelock import FileLock, Timeout

from vsr_files import make_folder
from vsr_train.errors import RunError
from vsr_train.folder.layout import RunFolder


@contextmanager
def owned(folder: RunFolder, *, alone: bool = True) -> Iterator[None]:
    """Own a run's folder while the context lasts; the system lets go of it when we die.

    Args:
        folder: of the run; made if there is none, and removed if nothing came to be in it.
        alone: whether to own it at all: a run's other processes, and one that only looks, do not.

    Raises:
        RunError: if another run lives in it, or it cannot be written.
    """
    if not alone:
        yield
        return
    lock = FileLock(folder.lock, blocking=False, thread_local=False)
    try:
        make_folder(folder.path)
        lock.acquire()
    except Timeout as error:
        raise RunError(
            f"run folder {str(folder.path)!r} is in use by another run; wait until it ends, or "
            "start one of another name with --set run.name=NAME"
        ) from error
    except OSError as error:
        raise RunError(
            f"run folder {str(folder.path)!r} cannot be written ({error.strerror}); "
            "see run.dir and run.name"
        ) from error
    try:
        yield
    finally:
        _remove_if_empty(folder)
        lock.release()


def _remove_if_empty(folder: RunFolder) -> None:
    """Leave nothing behind where a run was refused before it wrote anything."""
    with suppress(OSError):
        if [path.name for path in folder.path.iterdir()] == [folder.lock.name]:
            folder.lock.unlink()  # filelock minds that a lock it waits for may be removed
            folder.path.rmdir()
