"""A run put together: every piece built and checked before the first step, nothing written."""

import json
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.progress import track

from vsr_data import (
    Footage,
    TrainingStream,
    check_pairs,
    check_sources,
    open_training,
    open_validation,
    require_sound,
    resolve_workers,
)
from vsr_device import Platform, Processes, check_card, choose_platform
from vsr_losses import HybridLoss
from vsr_settings import Settings
from vsr_train.errors import RunError
from vsr_train.folder import (
    RunFolder,
    Source,
    choose_source,
    fingerprints,
    load_network,
    refuse_taken_folder,
    take_up,
)
from vsr_train.joining import join_others
from vsr_train.protocol import (
    PROTOCOLS,
    Protocol,
    ProtocolName,
    mean,
    measure,
    protocol_clips,
    under_protocol,
)
from vsr_train.rehearsal import Choice, Rehearsal, Way, card_of, choose_way, rehearse
from vsr_train.report import (
    About,
    Remaining,
    about,
    describe,
    show_protocol,
    sources_table,
    validation_line,
)
from vsr_train.step import TrainingState
from vsr_train.validation import Validator, fitting


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
    source: Source
    """What it goes on from."""
    processes: Processes
    choice: Choice
    """How it computes, and what was timed to find out."""
    rehearsal: Rehearsal | None
    """What a step took on the card, if there is one."""
    tile: int
    """Side of the tiles that validation enlarges frames in."""
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
        resume: `auto` for the newest whole checkpoint of this run, the step of one, or a path.
        init: path of weights to start from at step 0.
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
    source = Source()
    if processes.is_first:  # which shares what it reads, so that others need no run folder
        source = choose_source(folder, settings, resume=resume, init=init, overwrite=overwrite)
        if not (overwrite or check_only):
            refuse_taken_folder(folder, source)
        folder.require_writable()
    check_sources(settings.data, settings.model)
    loss = HybridLoss(settings.loss)
    notes = check_card(settings, platform)
    # From here on it may take hours: all that is refused quickly has been.
    with processes.first_on_node("frames decoded"):  # where the others then find them
        training = open_training(settings.data, settings.model)
        validation = open_validation(settings.data, settings.model)
    notes += _check_pairs(training, settings)
    choice = _choose_way(settings, platform, loss, source, processes)
    platform = choice.way.on(platform)
    as_trained = choice.way.written_in(settings)
    notes += choice.notes
    tile = fitting(as_trained, validation, platform)
    if tile < settings.data.val_tile:
        notes += (f"validation goes by tiles of {tile} pixels, with which it fits the card",)
    platform.place(loss)
    state = TrainingState.fresh(settings, platform)
    state.way = {"device": platform.device.type, **asdict(choice.way)}
    if processes.is_first:
        footage = fingerprints(settings, training, validation)
        notes += take_up(source, state, settings, folder, footage)
    join_others(processes, platform, settings, (training, validation), state)
    rehearsal = rehearse(as_trained, platform, loss, processes)
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
        source=source,
        processes=processes,
        choice=choice,
        rehearsal=rehearsal,
        tile=tile,
        notes=notes,
    )


def _choose_way(
    settings: Settings,
    platform: Platform,
    loss: HybridLoss,
    source: Source,
    processes: Processes,
) -> Choice:
    """Choose the precision and the memory format; several processes take the first one's."""
    found: list[Choice] = []

    def decide() -> str:
        stored = source.stored or {}
        way = stored.get("way") or {}
        is_here = way.get("device") == platform.device.type
        choice = choose_way(
            settings,
            Way.of(platform),
            card_of(settings, platform, loss),
            recorded=Way.from_text(way) if is_here else None,
            goes_on=bool(stored),
        )
        found.append(choice)
        return json.dumps(asdict(choice.way))

    decided = json.loads(processes.decided_by_first("precision", decide))
    return found[0] if found else Choice(Way(**decided))


def _check_pairs(training: Footage, settings: Settings) -> tuple[str, ...]:
    """Compare training pairs with what they claim to be; return what to tell about it."""
    findings = check_pairs(training_stream(training, settings), settings.model.scale)
    if settings.train.on_stagnation == "stop":
        paths = (source.path for source in settings.data.sources("train"))
        require_sound(findings, ", ".join(paths))
    notes = tuple(f"training pairs, {found.name}: {found.text}" for found in findings)
    return notes or ("training pairs checked: they are what they claim to be",)


def validate_only(
    settings: Settings, resume: str, console: Console, protocol: ProtocolName | None = None
) -> None:
    """Measure a checkpoint or a weights file on the validation footage; write nothing.

    Args:
        settings: the run.
        resume: `auto` for the newest whole checkpoint of this run, or a file's path.
        console: where the figures go.
        protocol: the published one to measure by, beside its figures; None measures as runs do.

    Raises:
        RunError: if there is no such checkpoint, or it does not fit.
        DataError: if there is no footage to validate on.
        PerceptualWeightsError: if VGG16's weights cannot be had or trusted.
    """
    platform = choose_platform(settings)
    state = TrainingState.fresh(settings, platform)
    folder = RunFolder.of(settings)
    named = f"the newest checkpoint of {folder.path}" if resume == "auto" else resume
    console.print(f"measuring {named}", soft_wrap=True)
    source = choose_source(folder, settings, resume=resume)
    if source.path is None:
        raise RunError(
            f"there is no whole checkpoint in {str(folder.checkpoints)!r} to measure; give a "
            "checkpoint or weights with --resume PATH"
        )
    load_network(source, state)
    if protocol is not None:
        _measure_by_protocol(settings, PROTOCOLS[protocol], platform, state, console)
        return
    check_sources(settings.data, settings.model)
    loss = platform.place(HybridLoss(settings.loss))
    footage = open_validation(settings.data, settings.model)
    tile = fitting(settings, footage, platform)
    validator = Validator(footage, settings, platform, loss.perceptual, tile=tile)
    found = validator.measure(state.average.network)
    console.print(sources_table(found.sources))
    console.print(validation_line(state.step, found), soft_wrap=True)


def _measure_by_protocol(
    settings: Settings,
    protocol: Protocol,
    platform: Platform,
    state: TrainingState,
    console: Console,
) -> None:
    """Measure the averaged network on the clips of a protocol, and show what others reached."""
    settings = under_protocol(settings, protocol)
    footage = open_validation(settings.data, settings.model)
    tile = fitting(settings, footage, platform)
    network = state.average.network
    found = {
        clip.name: measure(network, clip, protocol, platform, tile)
        for clip in track(
            protocol_clips(footage, protocol), "measuring", console=console, transient=True
        )
    }
    show_protocol(console, protocol, settings, found, mean(found.values()))


def about_run(run: Run) -> About:
    """Return what a run is."""
    return about(
        run.choice.way.written_in(run.settings),
        run.platform,
        parameters=sum(parameter.numel() for parameter in run.state.network.parameters()),
        loss=run.loss,
        training=run.training,
        validation=run.validation,
    )


def opening(run: Run) -> list[str]:
    """Return the lines that tell what a run is, and how long it will take where that is known."""
    footage = (run.training, run.validation)
    notes = (*run.platform.notes, *run.notes)
    lines = list(describe(about_run(run), run.loss.weights, footage, notes))
    if run.rehearsal is not None:
        train, seconds = run.settings.train, run.rehearsal.seconds_per_step
        estimate = Remaining(train.max_steps, train.val_every, seconds).text(run.state.step)
        lines += [f"time        {estimate}"] if estimate else []
    return lines


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
