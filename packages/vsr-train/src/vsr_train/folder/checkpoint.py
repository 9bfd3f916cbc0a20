"""Checkpoints: whole or not there, whatever moment a run is killed at.

A checkpoint is written under a temporary name, flushed to disk and renamed, its digest first; it
holds plain tensors and JSON text, so that `torch.load(weights_only=True)` reads it anywhere.
"""

import hashlib
import os
from pathlib import Path
from typing import Any

import torch

from vsr_model import WeightsError, load_weights, read_checkpoint
from vsr_settings import Settings, SettingsError, loads, to_toml
from vsr_train.errors import RunError
from vsr_train.step.state import TrainingState

FORMAT = 1
_PATTERN = "step-*.pt"


def save_checkpoint(folder: Path, state: TrainingState, settings: Settings) -> Path:
    """Write the state of a run between two steps; keep the latest `train.keep_checkpoints`.

    Raises:
        RunError: if the disk refuses; what was there before is untouched.
    """
    path = folder / f"step-{state.step:09d}.pt"
    stored = {"format": FORMAT, "settings": to_toml(settings), **state.state_dict()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{path.name}.partial"
        with temporary.open("wb") as file:
            torch.save(stored, file)
            file.flush()
            os.fsync(file.fileno())
        _write_atomically(_digest_path(path), f"{_sha256(temporary)}  {path.name}\n")
        temporary.replace(path)
    except (OSError, RuntimeError) as error:  # torch raises RuntimeError where a disk is full
        raise RunError(
            f"checkpoint {str(path)!r} cannot be written ({error}); earlier checkpoints are whole: "
            "make room and use --resume auto"
        ) from error
    for old in sorted(folder.glob(_PATTERN))[: -settings.train.keep_checkpoints]:
        old.unlink()
        _digest_path(old).unlink(missing_ok=True)
    return path


def latest_checkpoint(folder: Path) -> Path | None:
    """Return the newest checkpoint that is whole, or None."""
    newest_first = sorted(folder.glob(_PATTERN), reverse=True)
    return next((path for path in newest_first if _is_whole(path)), None)


def read_state(path: Path, settings: Settings) -> dict[str, Any]:
    """Read a checkpoint of ours that fits a run, for `TrainingState.load_state_dict`.

    Raises:
        RunError: if it is damaged, not of this format, or of another network.
    """
    if not _is_whole(path):
        raise RunError(f"checkpoint {str(path)!r} is damaged: its bytes do not have its digest")
    stored = _read(path)
    if not is_ours(stored) or stored["format"] != FORMAT:
        raise RunError(
            f"checkpoint {str(path)!r} is not of format {FORMAT}; "
            "this version of vsr-train cannot resume from it"
        )
    try:
        trained = loads(stored["settings"], str(path))
    except SettingsError as error:
        raise RunError(f"checkpoint {str(path)!r} holds refused settings: {error}") from error
    ignored = {"recompute": settings.model.recompute}
    if trained.model.model_copy(update=ignored) != settings.model:
        theirs, ours = (
            f"{model.n_feats} features, {model.n_blocks} blocks, {model.n_frames} frames, "
            f"×{model.scale}"
            for model in (trained.model, settings.model)
        )
        raise RunError(
            f"checkpoint {str(path)!r} holds another network ({theirs}) than [model] ({ours}); "
            "correct [model], or start a run of another name"
        )
    return stored


def adopt(path: Path, state: TrainingState, settings: Settings) -> bool:
    """Go on from a file: everything from a checkpoint of ours, the weights alone from any other.

    Returns:
        Whether everything was taken; False where only weights were, and training starts at step 0.

    Raises:
        RunError: if the file cannot be used for this run.
    """
    if path.suffix != ".safetensors" and path.is_file() and is_ours(_read(path)):
        state.load_state_dict(read_state(path, settings))
        return True
    try:
        weights = load_weights(path, n_frames=settings.model.n_frames)
    except WeightsError as error:
        raise RunError(str(error)) from error
    got, want = weights.settings, settings.model
    if (got.n_feats, got.n_blocks, got.scale) != (want.n_feats, want.n_blocks, want.scale):
        raise RunError(
            f"{str(path)!r} holds a network of {got.n_feats} features, {got.n_blocks} blocks and "
            f"×{got.scale}; [model] says {want.n_feats}, {want.n_blocks} and ×{want.scale}"
        )
    for network in (state.network, state.average.network):
        network.load_state_dict(weights.state_dict())
    return False


def is_ours(stored: Any) -> bool:
    """Tell a checkpoint that `save_checkpoint` wrote from any other file's content."""
    return isinstance(stored, dict) and {"format", "settings", "ema_state_dict"} <= stored.keys()


def _read(path: Path) -> Any:
    try:
        return read_checkpoint(path)
    except WeightsError as error:
        raise RunError(str(error)) from error


def _digest_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _is_whole(path: Path) -> bool:
    """Compare a checkpoint with its digest; one that was copied without it is taken as it is."""
    digest = _digest_path(path)
    return not digest.exists() or digest.read_text().split()[:1] == [_sha256(path)]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_atomically(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.partial")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
