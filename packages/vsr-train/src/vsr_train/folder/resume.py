"""Where a run begins: which file it goes on from, what is taken from it, and what is said about it.

Nothing is written before `begin`, and nothing is believed that was not checked: a run is refused
rather than started afresh where a checkpoint was meant.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vsr_files import expanded
from vsr_model import Network, WeightsError, load_weights
from vsr_settings import Model, Settings
from vsr_train.errors import RunError
from vsr_train.folder.best import step_of_weights
from vsr_train.folder.changes import kept_of
from vsr_train.folder.checkpoint import DamagedError, is_checkpoint, read_state
from vsr_train.folder.history import (
    checkpoint_name,
    checkpoints_in,
    retire_after,
    retired_checkpoints,
    step_in_name,
)
from vsr_train.folder.layout import RunFolder
from vsr_train.folder.writer import save_checkpoint
from vsr_train.step import TrainingState


@dataclass(frozen=True)
class Source:
    """What a run goes on from, read and checked; nothing of it where it starts afresh."""

    path: Path | None = None
    stored: Mapping[str, Any] | None = None
    """A checkpoint of ours, as `read_state` returns it."""
    weights: Network | None = None
    """Weights alone: optimiser and schedule start at step 0."""
    is_of_this_run: bool = False
    """Whether the checkpoint lies in the run's own folder."""
    notes: tuple[str, ...] = ()
    """What happened while it was chosen."""


def choose_source(
    folder: RunFolder,
    settings: Settings,
    *,
    resume: str | None = None,
    init: str | None = None,
    overwrite: bool = False,
) -> Source:
    """Find and read what a run goes on from; fast, so that a refusal comes before footage.

    Args:
        folder: of the run.
        settings: the run.
        resume: `auto`, the step of a checkpoint in the folder, or a file's path.
        init: path of weights to start from at step 0; with `--resume auto` only where there is no
            checkpoint yet.
        overwrite: whether what is in the folder will be deleted.

    Raises:
        RunError: if the options contradict each other, or the file cannot be used for this run.
    """
    _refuse_contradictions(folder, resume, init, overwrite=overwrite)
    if resume == "auto":
        source = _newest(folder, settings)
        if source.path is None and init is not None:
            weights = _weights_of(_file(init, "--init"), settings.model)
            return replace(weights, is_of_this_run=True)
        return source
    if resume is not None and _is_step(resume):
        path = folder.checkpoints / checkpoint_name(int(resume))
        if path not in checkpoints_in(folder.checkpoints):
            raise RunError(_no_such_step(folder, int(resume)))
        return _checkpoint(path, settings, is_of_this_run=True)
    if resume is not None:
        path = _file(resume, "--resume")
        if not is_checkpoint(path):
            return _weights_of(path, settings.model)
        return _checkpoint(path, settings, is_of_this_run=_is_in(path, folder.checkpoints))
    return Source() if init is None else _weights_of(_file(init, "--init"), settings.model)


def refuse_taken_folder(folder: RunFolder, source: Source) -> None:
    """Refuse to write over a run that is not the one that goes on.

    Raises:
        RunError: if the folder holds another run.
    """
    if not folder.holds_a_run or source.is_of_this_run:
        return
    told = "" if source.path is None else f", which is not the run of {str(source.path)!r}"
    raise RunError(
        f"run folder {str(folder.path)!r} already has a run in it{told}; go on with --resume auto, "
        "start another with --set run.name=NAME, or replace it with --overwrite"
    )


def take_up(
    source: Source,
    state: TrainingState,
    settings: Settings,
    folder: RunFolder,
    footage: Mapping[str, str],
) -> tuple[str, ...]:
    """Go on from a source; return what to tell about it.

    Args:
        source: what `choose_source` returned.
        state: a fresh one, which is changed.
        settings: the run.
        folder: of the run.
        footage: fingerprints of what it is trained and validated on.

    Raises:
        RunError: if the checkpoint's settings cannot be compared with the run's.
    """
    notes = source.notes
    if source.weights is not None:
        load_network(source, state)
        notes += (f"took the weights of {source.path}; optimiser and schedule start at step 0",)
    elif source.stored is not None:
        kept, changes = kept_of(
            source.stored, settings, folder, footage, is_of_this_run=source.is_of_this_run
        )
        state.load_state_dict(kept)
        notes += (f"resumed from {source.path} at step {state.step}", *changes)
    state.footage = dict(footage)
    return notes


def load_network(source: Source, state: TrainingState) -> None:
    """Take the weights of a source alone, to measure them."""
    if source.weights is not None:
        is_whole = source.weights.settings.align == state.network.settings.align
        for network in (state.network, state.average.network):
            # what weights without alignment lack adds nothing yet, and is the same in both
            network.load_state_dict(source.weights.state_dict(), strict=is_whole)
    elif source.stored is not None:
        state.load_state_dict(source.stored)


def begin(
    folder: RunFolder,
    settings: Settings,
    state: TrainingState,
    source: Source,
    *,
    overwrite: bool = False,
) -> tuple[str, ...]:
    """Open the folder for the steps that follow; return what to tell about it.

    What a run made after the step it goes back to is moved aside. What it goes on from is saved in
    the folder where it is not there yet, so that `--resume auto` always finds it.

    Raises:
        RunError: if the disk refuses.
    """
    if overwrite:
        folder.clear(lambda path: step_in_name(path) is not None)
    notes: tuple[str, ...] = ()
    own = folder.checkpoints / checkpoint_name(state.step)
    is_there = source.is_of_this_run and source.path is not None and source.path.name == own.name
    if source.is_of_this_run:
        also = own if not is_there and own in checkpoints_in(folder.checkpoints) else None
        weights = {path: step_of_weights(path) for path in (folder.best, folder.last)}
        line = retire_after(folder, state.step, weights=weights, also=also)
        notes = () if line is None else (line,)
    if source.path is not None and not is_there:
        save_checkpoint(folder, state, settings)
    folder.open(settings, start_step=state.step)
    return notes


def _refuse_contradictions(
    folder: RunFolder, resume: str | None, init: str | None, *, overwrite: bool
) -> None:
    if init is not None and resume not in (None, "auto"):
        raise RunError(
            f"--init {init!r} starts anew and --resume {resume!r} goes on; give one of them, or "
            "--resume auto, which takes --init where there is no checkpoint yet"
        )
    for option, text in (("--resume", resume), ("--init", init)):
        if not overwrite or text is None:
            continue
        is_own = option == "--resume" and (text == "auto" or _is_step(text))
        if is_own or (text != "auto" and _is_in(Path(text), folder.path)):
            raise RunError(
                f"--overwrite deletes the run that {option} {text!r} goes on from; leave one of "
                "the two out"
            )


def _is_step(resume: str) -> bool:
    return resume.isascii() and resume.isdecimal()


def _is_in(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _file(text: str, option: str) -> Path:
    try:
        path = expanded(text)
        is_file = path.is_file()
    except (RuntimeError, OSError, ValueError) as error:  # no such home, name too long, a NUL
        raise RunError(f"{option} {text!r} is no path ({error}); give a file's") from error
    if not is_file:
        other = " of a step in the run's folder, or auto" if option == "--resume" else ""
        raise RunError(
            f"{option} {text!r} is not a file; give a checkpoint or weights"
            + (f", the number{other}" if other else "")
        )
    return path


def _newest(folder: RunFolder, settings: Settings) -> Source:
    """Read the newest checkpoint that is whole, and say which were passed over."""
    passed: list[str] = []
    for path in checkpoints_in(folder.checkpoints):
        try:
            source = _checkpoint(path, settings, is_of_this_run=True)
        except DamagedError as error:
            passed.append(str(error))
            continue
        return replace(source, notes=tuple(f"passed over: {reason}" for reason in passed))
    if passed:
        raise RunError(
            f"no checkpoint in {str(folder.checkpoints)!r} can be used: {'; '.join(passed)}; move "
            "them away to start at step 0, or replace the run with --overwrite"
        )
    if retired := next(retired_checkpoints(folder), None):
        raise RunError(
            f"no checkpoint is in {str(folder.checkpoints)!r}, only what was moved aside; move "
            f"{str(retired)!r} there to go on from it, or replace the run with --overwrite"
        )
    return Source(is_of_this_run=True, notes=("no checkpoint is here yet: the initial weights",))


def _checkpoint(path: Path, settings: Settings, *, is_of_this_run: bool) -> Source:
    return Source(path, stored=read_state(path, settings), is_of_this_run=is_of_this_run)


def _weights_of(path: Path, model: Model) -> Source:
    """Read weights alone, of a checkpoint the averaged ones."""
    try:
        weights = load_weights(path, n_frames=model.n_frames)
    except WeightsError as error:
        raise RunError(str(error)) from error
    got, want = weights.settings, model
    if (got.n_feats, got.n_blocks, got.scale) != (want.n_feats, want.n_blocks, want.scale):
        raise RunError(
            f"{str(path)!r} holds a network of {got.n_feats} features, {got.n_blocks} blocks and "
            f"×{got.scale}; [model] says {want.n_feats}, {want.n_blocks} and ×{want.scale}"
        )
    if got.align != "none" and want.align == "none":
        raise RunError(
            f"{str(path)!r} holds a network that neighbours add to, and [model] says align = "
            f'"none"; set model.align = "{got.align}"'
        )
    return Source(path, weights=weights)


def _no_such_step(folder: RunFolder, step: int) -> str:
    there = [str(step_in_name(path)) for path in reversed(checkpoints_in(folder.checkpoints))]
    kept = f"it has those of {', '.join(there)}" if there else "it has none"
    aside = [path for path in retired_checkpoints(folder) if step_in_name(path) == step]
    moved = f"; {str(aside[0])!r} was moved aside" if aside else ""
    return f"no checkpoint of step {step} is in {str(folder.checkpoints)!r}; {kept}{moved}"
