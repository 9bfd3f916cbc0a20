"""Saves checkpoints while training goes on: copying stalls a step, writing happens beside it.

In order, one at a time; a save that failed ends the run at the next save at the latest, and an
older checkpoint is deleted only after the newer one is on the disk.
"""

import shutil
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch

from vsr_files import make_folder
from vsr_settings import Settings, to_toml
from vsr_train.errors import DivergedError, RunError
from vsr_train.folder.checkpoint import FORMAT, latest_checkpoint, write_checkpoint
from vsr_train.folder.contents import UnsoundError, check_finite
from vsr_train.folder.history import checkpoint_name
from vsr_train.folder.layout import RunFolder
from vsr_train.folder.retention import prune
from vsr_train.step.state import TrainingState

MIB = 1 << 20
MARGIN = MIB
"""Bytes beside a checkpoint's tensors: names, texts, and rows of the log meanwhile."""


class CheckpointWriter:
    """Writes the checkpoints of a run; as a context manager, none is left half written.

    Args:
        folder: of the run.
        settings: the run; `train.keep_checkpoints` and `train.keep_every` count here.
    """

    def __init__(self, folder: RunFolder, settings: Settings) -> None:
        self._folder = folder
        self._settings = settings
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self.written_step: int | None = None
        """Step of the newest checkpoint that is on the disk; None before there is one."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.finish()
        except RunError as failure:
            if error is None:
                raise
            raise type(failure)(f"{failure}; the run ended with: {error}") from error

    def save(self, state: TrainingState) -> None:
        """Copy the state between two steps, and begin to write it.

        Raises:
            RunError: if the save before failed, or there is no room for this one; what was there
                before is untouched.
        """
        self.finish()
        stored = {"format": FORMAT, "settings": to_toml(self._settings), **state.state_dict()}
        path = self._folder.checkpoints / checkpoint_name(state.step)
        _check_room(path, stored)
        self._thread = threading.Thread(
            target=self._write, args=(path, _on_host(stored)), name=path.stem
        )
        self._thread.start()

    def poll(self) -> None:
        """Find out without waiting whether the last save has failed.

        Raises:
            RunError: if it has.
        """
        if self._thread is not None and not self._thread.is_alive():
            self.finish()

    def finish(self) -> None:
        """Wait until everything is on the disk.

        Raises:
            RunError: if it could not be written.
        """
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def newest(self) -> Path | None:
        """Wait for what is being written; return the newest checkpoint that is whole, or None."""
        if self._thread is not None:
            self._thread.join()
        return latest_checkpoint(self._folder.checkpoints)

    def _write(self, path: Path, stored: Mapping[str, Any]) -> None:
        """Write in the background; whatever goes wrong is kept for whoever asks next."""
        train = self._settings.train
        try:
            check_finite(stored)
            self._folder.sync_log()
            write_checkpoint(path, stored)
            self.written_step = stored["step"]
            prune(
                path.parent, written=path, keep=train.keep_checkpoints, keep_every=train.keep_every
            )
        except UnsoundError as error:
            self._failure = DivergedError(
                f"diverged at step {stored['step']}: checkpoint {str(path)!r} was not written: "
                f"{error}; earlier checkpoints are whole: lower train.max_lr or train.grad_clip"
            )
        except OSError as error:
            self._failure = RunError(
                f"{str(self._folder.metrics)!r} cannot be written ({error.strerror}); earlier "
                "checkpoints are whole: make room and use --resume auto"
            )
        except BaseException as error:  # noqa: BLE001 - raised by the next call
            self._failure = error


def save_checkpoint(folder: RunFolder, state: TrainingState, settings: Settings) -> Path:
    """Write the state of a run between two steps, and wait until it is on the disk.

    Raises:
        RunError: if the disk refuses; what was there before is untouched.
    """
    with CheckpointWriter(folder, settings) as writer:
        writer.save(state)
    return folder.checkpoints / checkpoint_name(state.step)


def _check_room(path: Path, stored: Mapping[str, Any]) -> None:
    """Refuse to begin what the disk cannot hold."""
    needed = _bytes_in(stored) + MARGIN
    try:
        make_folder(path.parent)
        free = shutil.disk_usage(path.parent).free
    except OSError as error:
        raise RunError(
            f"checkpoint {str(path)!r} cannot be written ({error.strerror}); earlier checkpoints "
            "are whole: see run.dir, and use --resume auto"
        ) from error
    if free < needed:
        raise RunError(
            f"checkpoint {str(path)!r} needs about {needed / MIB:.1f} MiB and its disk has "
            f"{free / MIB:.1f} MiB free; earlier checkpoints are whole: make room and use "
            "--resume auto"
        )


def _bytes_in(value: Any) -> int:
    if isinstance(value, torch.Tensor):
        return value.nbytes
    if isinstance(value, dict):
        return sum(map(_bytes_in, value.values()))
    return 0


def _on_host(value: Any) -> Any:
    """Copy everything into memory that no step changes."""
    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return {key: _on_host(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_on_host(each) for each in value]
    return value
