"""One checkpoint: whole or not there, whatever moment a run is killed at or the power is cut.

It holds plain tensors, numbers and text, so that `torch.load(weights_only=True)` reads it anywhere,
and its own digest. What is read from one is believed only after `contents` has looked at all of it.
"""

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import torch

from vsr_files import ForeignFileError, make_folder, open_regular, replacing
from vsr_model import Network, WeightsError, read_checkpoint
from vsr_settings import Settings
from vsr_train.errors import RunError
from vsr_train.folder.changes import changed_settings, refuse_other_network, stored_settings
from vsr_train.folder.contents import UnsoundError, sound_contents
from vsr_train.folder.digest import DigestingFile, has_its_digest, sha256
from vsr_train.folder.history import checkpoints_in, digest_beside, step_in_name

FORMAT = 2
"""Of what is written. Format 1 had its digest beside it and lacked `interval` and `footage`."""

_DIGEST = re.compile(r"([0-9a-f]{64})\b.*", re.DOTALL)
_LONGEST_DIGEST = 4096


class DamagedError(RunError):
    """A checkpoint that is not what a run wrote: `--resume auto` passes over it."""


def write_checkpoint(path: Path, stored: Mapping[str, Any]) -> None:
    """Write a checkpoint with its digest; it is on the disk when this returns.

    Raises:
        RunError: if the disk refuses; what was at `path` and beside it is untouched.
    """
    digesting: DigestingFile | None = None
    try:
        make_folder(path.parent)
        with replacing(path) as file:
            digesting = DigestingFile(file)
            torch.save(dict(stored), cast("IO[bytes]", digesting))  # it needs no more than write
            digesting.end()
    except (OSError, RuntimeError) as error:  # torch may raise its own where the disk refuses
        failure = (digesting and digesting.failure) or error
        reason = failure.strerror if isinstance(failure, OSError) else failure
        raise RunError(
            f"checkpoint {str(path)!r} cannot be written ({reason}); earlier checkpoints are "
            "whole: make room and use --resume auto"
        ) from error


def latest_checkpoint(folder: Path) -> Path | None:
    """Return the newest checkpoint that is whole, or None."""
    return next((path for path in checkpoints_in(folder) if damage(path) is None), None)


def damage(path: Path) -> str | None:
    """Say what is wrong with a checkpoint's bytes; None where they are whole.

    The digest inside decides; else, in one of an older version, that beside it; where that is
    missing or was lost in a power cut, the checksums of the zip archive.
    """
    try:
        with open_regular(path) as file:
            has_digest = _has_digest(path, file)
            if has_digest is None:
                return _damage_of_archive(file)
    except ForeignFileError as error:
        return str(error)
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    return None if has_digest else "its bytes do not have its digest"


def read_state(path: Path, settings: Settings) -> dict[str, Any]:
    """Read a checkpoint of ours that fits a run, for `TrainingState.load_state_dict`.

    Raises:
        DamagedError: if it is damaged, or holds what no run writes.
        RunError: if it is of another network, or written by a later version.
    """
    if (what := damage(path)) is not None:
        raise DamagedError(f"checkpoint {str(path)!r} is damaged: {what}")
    stored = _read(path)
    if not _is_ours(stored):
        raise DamagedError(f"checkpoint {str(path)!r} was not written by vsr-train")
    its = stored["format"]
    if type(its) is int and its > FORMAT:
        raise RunError(
            f"checkpoint {str(path)!r} is of format {its} and this version of vsr-train reads up "
            f"to {FORMAT}; update vsr-train"
        )
    try:
        return _checked(path, stored, settings)
    except UnsoundError as error:
        raise DamagedError(f"checkpoint {str(path)!r} cannot be used: {error}") from error


def is_checkpoint(path: Path) -> bool:
    """Tell a checkpoint of ours, whole or damaged, from weights that another program wrote.

    Raises:
        DamagedError: if it is neither: its digest is wrong, or it cannot be read.
    """
    if path.suffix == ".safetensors":
        return False
    try:
        with open_regular(path) as file:
            has_digest = _has_digest(path, file)
    except (ForeignFileError, OSError) as error:
        raise DamagedError(f"{str(path)!r} cannot be read: {error}") from error
    return has_digest is not None or _is_ours(_read(path))


def _checked(path: Path, stored: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Check all that a checkpoint holds against the run and against its own name."""
    if type(stored["format"]) is not int or stored["format"] < 1:
        raise UnsoundError("format", f"it must be 1 or {FORMAT}")
    values = stored_settings(stored["settings"])
    refuse_other_network(path, values, settings.model)
    with torch.device("meta"):
        network = Network(settings.model)
    state = sound_contents(stored, network)
    if step_in_name(path) not in (None, state["step"]):
        raise UnsoundError("step", f"it is {state['step']}, not that of its name")
    changed_settings(values, settings, state["step"] - state["skipped"])  # can be compared
    return state


def _is_ours(stored: Any) -> bool:
    """Tell a checkpoint that `save_checkpoint` wrote from any other file's content."""
    return isinstance(stored, dict) and {"format", "settings", "ema_state_dict"} <= stored.keys()


def _read(path: Path) -> Any:
    """Read what a file holds; whatever the reader raises is the file's fault.

    Raises:
        DamagedError: if it cannot be read.
    """
    try:
        return read_checkpoint(path)
    except WeightsError as error:
        raise DamagedError(str(error)) from error
    except Exception as error:
        raise DamagedError(
            f"{str(path)!r} cannot be read as a checkpoint ({type(error).__name__}: {error}); give "
            "another checkpoint or weights"
        ) from error


def _has_digest(path: Path, file: BinaryIO) -> bool | None:
    """Compare a file with the digest inside or beside it; None where there is neither."""
    inside = has_its_digest(file)
    if inside is not None:
        return inside
    beside = _digest_beside(path)
    return None if beside is None else beside == sha256(file)


def _digest_beside(path: Path) -> str | None:
    """Return the digest that an older version wrote; None where there is no proper one."""
    try:
        with open_regular(digest_beside(path)) as file:
            text = file.read(_LONGEST_DIGEST).decode("ascii", "replace")
    except (ForeignFileError, OSError):
        return None
    match = _DIGEST.fullmatch(text)
    return match[1] if match else None


def _damage_of_archive(file: BinaryIO) -> str | None:
    """Compare an archive's entries with its checksums; torch stores them as they are."""
    try:
        with zipfile.ZipFile(file) as archive:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                return "torch.save did not write it"
            if archive.comment:
                return "its digest is damaged"
            bad = archive.testzip()
    except Exception as error:  # noqa: BLE001 - whatever the reader raises is the file's fault
        return f"it is not a whole zip archive ({error})"
    return None if bad is None else f"its part {bad!r} does not have its checksum"
