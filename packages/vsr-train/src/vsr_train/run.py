"""A run put together: every piece built and checked before the first step, nothing written."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from vsr_data import (
    Footage,
    TrainingStream,
    check_pairs,
    open_training,
    open_validation,
    require_sound,
    resolve_workers,
)
from vsr_device import Platform, Processes, check_card, choose_platform
from vsr_losses import HybridLoss
from vsr_settings import Settings
from vsr_train.errors import RunError
from vsr_train.folder import RunFolder, adopt, latest_checkpoint
from vsr_train.joining import join_others
from vsr_train.rehearsal import Rehearsal, rehearse
from vsr_train.report import describe, sources_table, validation_line
from vsr_train.step import TrainingState
from vsr_train.validation import Validator


@dataclass(frozen=True)
class Run:
    """The pieces of a run, ready for its next step."""

    settings: Settings
    platform: Platform
    folder: RunFolder
    training: Footage
    validation: Footage
    loss: HybridLoss
    state: TrainingState
    processes: Processes
    rehearsal: Rehearsal | None
    """What two steps took on the card, if there is one."""
    notes: tuple[str, ...]
    """What happened while it was put together."""


def prepare(
    settings: Settings,
    *,
    resume: str | None = None,
    init: str | None = None,
    overwrite: bool = False,
    check_only: bool = False,
    processes: Processes = Processes(),  # noqa: B008 - frozen
) -> Run:
    """Put a run together and check all that can be checked before a step; write nothing.

    Args:
        settings: the run.
        resume: `auto` for the newest whole checkpoint of this run, or a checkpoint's path.
        init: weights to start anew from, at step 0.
        overwrite: whether a run that is in the folder may be deleted.
        check_only: whether no step will follow, so that a run in the folder is no hindrance.
        processes: those that train together.

    Raises:
        RunError: if the folder, the checkpoint or the device is refused.
        DataError: if there is no footage to train or validate on, or its pairs are wrong.
        PerceptualWeightsError: if VGG16's weights cannot be had or trusted.
        PeerError: if another process cannot be prepared.
    """
    platform = choose_platform(settings, processes.local_rank)
    folder = RunFolder.of(settings)
    is_taken = folder.holds_a_run and resume is None and not (overwrite or check_only)
    if processes.is_first and is_taken:
        raise RunError(
            f"run folder {str(folder.path)!r} already has a run in it; go on with --resume auto, "
            "start another with --set run.name=NAME, or replace it with --overwrite"
        )
    notes = check_card(settings, platform)
    source = _resumed_file(folder, resume) if processes.is_first else None
    with processes.first_on_node("frames decoded"):  # where the others then find them
        training = open_training(settings.data, settings.model)
        validation = open_validation(settings.data, settings.model)
    notes += _check_pairs(training, settings)
    loss = platform.place(HybridLoss(settings.loss))
    state = TrainingState.fresh(settings, platform)
    notes += _take_up(state, settings, source, resume)
    join_others(processes, platform, settings, (training, validation), state)
    rehearsal = rehearse(settings, platform, loss, processes)
    if rehearsal is not None:
        notes += (str(rehearsal),)
    return Run(
        settings=settings,
        platform=platform,
        folder=folder,
        training=training,
        validation=validation,
        loss=loss,
        state=state,
        processes=processes,
        rehearsal=rehearsal,
        notes=notes,
    )


def _check_pairs(training: Footage, settings: Settings) -> tuple[str, ...]:
    """Compare training pairs with what they claim to be; return what to tell about it."""
    findings = check_pairs(training_stream(training, settings), settings.model.scale)
    if settings.train.on_stagnation == "stop":
        require_sound(findings, settings.data.train)
    notes = tuple(f"training pairs, {found.name}: {found.text}" for found in findings)
    return notes or ("training pairs checked: they are what they claim to be",)


def _resumed_file(folder: RunFolder, resume: str | None) -> Path | None:
    """Return the file to go on from, before anything slow begins; None for the initial weights."""
    if resume is None:
        return None
    if resume == "auto":
        return latest_checkpoint(folder.checkpoints)
    path = Path(resume)
    if not path.is_file():
        raise RunError(f"--resume {resume!r} is not a file; give a checkpoint or weights, or auto")
    return path


def _take_up(
    state: TrainingState, settings: Settings, source: Path | None, resume: str | None
) -> tuple[str, ...]:
    """Go on from a file, if asked to; return what to tell about it."""
    if source is None:
        return () if resume is None else ("no checkpoint is here yet: the initial weights",)
    if adopt(source, state, settings):
        return (f"resumed from {source} at step {state.step}",)
    return (f"took the weights of {source}; optimiser and schedule start at step 0",)


def validate_only(settings: Settings, resume: str, console: Console) -> None:
    """Measure a checkpoint or a weights file on the validation footage; write nothing.

    Args:
        settings: the run.
        resume: `auto` for the newest whole checkpoint of this run, or a file's path.
        console: where the figures go.

    Raises:
        RunError: if there is no such checkpoint, or it does not fit.
        DataError: if there is no footage to validate on.
        PerceptualWeightsError: if VGG16's weights cannot be had or trusted.
    """
    platform = choose_platform(settings)
    state = TrainingState.fresh(settings, platform)
    folder = RunFolder.of(settings)
    source = _resumed_file(folder, resume)
    if source is None:
        raise RunError(
            f"there is no whole checkpoint in {str(folder.checkpoints)!r} to measure; give a "
            "checkpoint or weights with --resume PATH"
        )
    adopt(source, state, settings)
    console.print(f"measuring {source}", soft_wrap=True, highlight=False, markup=False)
    loss = platform.place(HybridLoss(settings.loss))
    footage = open_validation(settings.data, settings.model)
    found = Validator(footage, settings, platform, loss.perceptual).measure(state.average.network)
    console.print(sources_table(found.sources))
    console.print(validation_line(state.step, found.mean), soft_wrap=True, highlight=False)


def opening(run: Run) -> list[str]:
    """Return the lines that tell what a run is."""
    lines = describe(
        run.settings,
        run.platform,
        parameters=sum(parameter.numel() for parameter in run.state.network.parameters()),
        loss=run.loss,
        training=run.training,
        validation=run.validation,
    )
    return [*lines, *(f"note        {note}" for note in run.notes)]


def training_stream(
    training: Footage,
    settings: Settings,
    platform: Platform | None = None,
    processes: Processes = Processes(),  # noqa: B008 - frozen
) -> TrainingStream:
    """Return what a run learns from, cut by workers where its platform is known."""
    train, data = settings.train, settings.data
    workers = 0
    if platform is not None:
        workers = resolve_workers(data.workers, on_accelerator=platform.on_accelerator)
    return TrainingStream(
        training,
        n_frames=settings.model.n_frames,
        scale=settings.model.scale,
        patch=data.patch,
        seed=train.seed,
        batch_size=train.batch_size,
        accumulation_steps=train.accumulation_steps,
        rank=processes.rank,
        world_size=processes.world_size,
        workers=workers,
        pin_memory=platform is not None and platform.device.type == "cuda",
    )
