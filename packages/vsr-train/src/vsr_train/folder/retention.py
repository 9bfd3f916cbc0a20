"""Which checkpoints are kept: the latest few, the one just written, and multiples of a step."""

import contextlib
from pathlib import Path

from vsr_train.folder.history import checkpoints_in, digest_beside, step_in_name


def prune(folder: Path, *, written: Path, keep: int, keep_every: int) -> None:
    """Delete checkpoints that are no longer kept; `written` is never among them.

    Args:
        folder: of the checkpoints.
        written: the one just written, which is on the disk.
        keep: how many of the latest are kept.
        keep_every: multiples of this step are kept for ever; 0 for none.
    """
    for path in checkpoints_in(folder)[keep:]:
        step = step_in_name(path)
        is_kept = bool(keep_every and step and step % keep_every == 0)
        if is_kept or path == written:
            continue
        with contextlib.suppress(OSError):  # the next save tries again, and minds the room left
            path.unlink()
            digest_beside(path).unlink(missing_ok=True)
