"""A run from first step to last: build, loop, save. The one place where the pieces meet."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from rich.console import Console

from vsr_data import (
    DataError,
    Footage,
    TrainingStream,
    open_training,
    open_validation,
    preflight,
    require_sound,
    resolve_workers,
)
from vsr_losses import HybridLoss
from vsr_model import save_weights
from vsr_settings import Settings, effective_batch
from vsr_train.checkpoint import adopt, latest_checkpoint, save_checkpoint
from vsr_train.device import Platform, choose_platform
from vsr_train.errors import DivergedError, RunError, StagnatedError
from vsr_train.folder import RunFolder
from vsr_train.opening import describe
from vsr_train.pace import Pace
from vsr_train.processes import Processes
from vsr_train.report import Report, sources_table, validation_line
from vsr_train.schedule import learning_rate
from vsr_train.state import TrainingState
from vsr_train.step import Stepper
from vsr_train.validation import Validation, Validator
from vsr_train.watch import Judgement, Watch, write_diagnosis


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
    notes: tuple[str, ...]
    """What happened while it was put together."""


def prepare(
    settings: Settings,
    *,
    resume: str | None = None,
    overwrite: bool = False,
    processes: Processes = Processes(),  # noqa: B008 - frozen
) -> Run:
    """Put a run together and check all that can be checked before a step; write nothing.

    Args:
        settings: the run.
        resume: `auto` for the newest whole checkpoint of this run, or a checkpoint's path.
        overwrite: whether a run that is in the folder may be deleted.
        processes: those that train together.

    Raises:
        RunError: if the folder, the checkpoint or the device is refused.
        DataError: if there is no footage to train or validate on, or its pairs are wrong.
        PerceptualWeightsError: if VGG16's weights cannot be had or trusted.
    """
    platform = choose_platform(settings, processes.local_rank())
    folder = RunFolder.of(settings)
    if processes.is_first and folder.holds_a_run and resume is None and not overwrite:
        raise RunError(
            f"run folder {str(folder.path)!r} already has a run in it; go on with --resume auto, "
            "start another with --set run.name=NAME, or replace it with --overwrite"
        )
    state = TrainingState.fresh(settings, platform)
    notes = _take_up(state, settings, folder, resume)
    with processes.first_before_others():  # which then find its frames decoded
        training = open_training(settings.data, settings.model)
        validation = open_validation(settings.data, settings.model)
    notes += _check_pairs(training, settings)
    loss = HybridLoss(settings.loss).to(platform.device)
    return Run(settings, platform, folder, training, validation, loss, state, processes, notes)


def _check_pairs(training: Footage, settings: Settings) -> tuple[str, ...]:
    """Compare training pairs with what they claim to be; return what to tell about it."""
    findings = preflight(training_stream(training, settings), settings.model.scale)
    if settings.train.on_stagnation == "stop":
        require_sound(findings, settings.data.train)
    told = tuple(f"training pairs, {found.name}: {found.text}" for found in findings)
    return told or ("training pairs looked at: they are what they claim to be",)


def _take_up(
    state: TrainingState, settings: Settings, folder: RunFolder, resume: str | None
) -> tuple[str, ...]:
    """Go on from a checkpoint, if asked to; return what to tell about it."""
    if resume is None:
        return ()
    path = latest_checkpoint(folder.checkpoints) if resume == "auto" else Path(resume)
    if path is None:
        return (f"no checkpoint in {folder.checkpoints}: step 0, the initial weights",)
    if adopt(path, state, settings):
        return (f"resumed from {path} at step {state.step}",)
    return (f"took the weights of {path}; optimiser and schedule start at step 0",)


def start(run: Run, console: Console, stop: Callable[[], bool], *, overwrite: bool = False) -> None:
    """Open the run's folder and train to the last step, or until `stop` says so.

    Raises:
        RunError: if the disk refuses or the run diverges; what was saved before is whole.
        DataError: if a file of the footage is deleted or damaged meanwhile; the run is saved.
    """
    if not run.processes.is_first:
        _Loop(run, None).go(stop)
        return
    if overwrite:
        run.folder.clear()
    run.folder.open(run.settings, start_step=run.state.step)
    with Report(run.settings, run.folder, console, run.state.step) as report:
        for line in opening(run):
            report.say(line)
        _Loop(run, report).go(stop)


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
    for note in _take_up(state, settings, RunFolder.of(settings), resume):
        console.print(note, soft_wrap=True, highlight=False, markup=False)
    loss = HybridLoss(settings.loss).to(platform.device)
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


class _Loop:
    """The steps of a run, and what is due after some of them."""

    def __init__(self, run: Run, report: Report | None) -> None:
        self._run = run
        self._report = report
        self._pace = Pace()
        self._last: Validation | None = None
        self._watch = _watch(run)
        self._training = training_stream(run.training, run.settings, run.platform, run.processes)
        self._validator = Validator(run.validation, run.settings, run.platform, run.loss.perceptual)
        train = run.settings.train
        self._stepper = Stepper(
            run.processes.wrap(run.state.network, run.platform),
            run.loss,
            run.state.optimizer,
            run.state.scaler,
            run.platform,
            accumulation_steps=train.accumulation_steps,
            grad_clip=train.grad_clip,
        )

    def go(self, stop: Callable[[], bool]) -> None:
        """Make steps until the last, or until asked to stop."""
        state, train = self._run.state, self._run.settings.train
        if state.step >= train.max_steps:
            self._say(
                f"the run is at step {state.step} of {train.max_steps} already; raise "
                "train.max_steps to go on"
            )
            return
        batches = self._training.batches(state.step, train.max_steps)
        try:
            while state.step < train.max_steps and not self._is_to_stop(stop):
                lr = learning_rate(state.updates, train)
                micro_batches = islice(batches, train.accumulation_steps)
                seen = self._watch.passing(state.step + 1, micro_batches)
                result = self._stepper.step(seen, lr)
                state.step += 1
                self._watch.count(state.step, lr, result)
                if result.skipped:
                    state.skipped += 1
                else:
                    state.average.update(state.network)
                self._pace.add(result)
                self._attend(lr)
        except DataError:
            self._save()
            raise
        if state.step < train.max_steps:
            self._save()
        if self._report is not None:
            self._report.sum_up(state, self._last)

    def _say(self, line: str) -> None:
        if self._report is not None:
            self._report.say(line)

    def _is_to_stop(self, stop: Callable[[], bool]) -> bool:
        """Heed a request to stop; several processes agree on one at every row of the log."""
        processes = self._run.processes
        if processes.world_size > 1 and self._run.state.step % self._run.settings.train.log_every:
            return False
        return processes.any(stop(), self._run.platform)

    def _attend(self, lr: float) -> None:
        """Log, validate and save where it is time to; the last step does all three."""
        state, train = self._run.state, self._run.settings.train
        if self._report is not None:
            self._report.advance(state.step)
        is_last = state.step == train.max_steps
        if is_last or state.step % train.log_every == 0:
            self._log(lr)
        if is_last or state.step % train.val_every == 0:
            self._validate()
        if is_last or state.step % train.save_every == 0:
            self._save()

    def _log(self, lr: float) -> None:
        state, interval = self._run.state, self._pace.fetch(self._run.processes)
        if self._report is not None and not math.isnan(interval.terms[-1]):
            self._report.log_training(
                state.step,
                interval.terms,
                lr=lr,
                grad_norm=interval.grad_norm,
                samples_per_s=effective_batch(self._run.settings) / interval.seconds_per_step,
                skipped=state.skipped,
            )
        self._pace.pause()
        self._heed_watch()
        self._pace.resume()

    def _heed_watch(self) -> None:
        """Tell what the watch saw since the last row of the log; end a run that it alarms for."""
        run, state, watch = self._run, self._run.state, self._watch
        for incident in watch.incidents(self._training):
            self._say(incident)
        if run.processes.any(watch.over_budget, run.platform):
            watch.begin_anew()
            self._save()
            raise self._diverged("too many steps were not finite")
        judgement = watch.judge()
        is_alarm = judgement.verdict.is_alarm and self._report is not None
        change = "" if self._report is None else self._tell(judgement, self._report)
        if run.settings.train.on_stagnation == "stop" and run.processes.any(is_alarm, run.platform):
            watch.begin_anew()
            self._save()
            raise StagnatedError(
                f"{judgement.verdict} at step {state.step}, and stopped: "
                f"{change or judgement.evidence}; the run is saved, {str(run.folder.diagnosis)!r} "
                "tells more; go on with --resume auto, or set train.on_stagnation = 'warn' to be "
                "told only"
            )

    def _tell(self, judgement: Judgement, report: Report) -> str:
        """Tell a new verdict, and explain an alarm; return what it says to change."""
        is_news = self._watch.is_news(judgement)
        report.log_verdict(self._run.state.step, judgement, is_news=is_news)
        if not (is_news and judgement.verdict.is_alarm):
            return ""
        diagnosis = self._watch.diagnose(judgement)
        for line in diagnosis.lines():
            report.say(line)
        write_diagnosis(diagnosis, self._run.folder.diagnosis, self._watch.looks)
        return f"likely {diagnosis.causes[0].name}; {diagnosis.causes[0].remedy}"

    def _validate(self) -> None:
        run, state = self._run, self._run.state
        self._check_weights()
        if self._report is None:
            return
        self._pace.pause()
        self._last = self._validator.measure(state.average.network)
        self._report.log_validation(state.step, self._last)
        self._watch.validated(state.step, self._last.mean["gain_db"])
        if self._last.mean["psnr"] > state.best.get("psnr", -math.inf):
            state.best = {"step": state.step, **self._last.mean}
            save_weights(state.average.network, run.folder.best)
        self._pace.resume()

    def _save(self) -> None:
        self._check_weights()
        if self._report is None:
            return
        self._pace.pause()
        self._run.state.watch = self._watch.state_dict()
        save_checkpoint(self._run.folder.checkpoints, self._run.state, self._run.settings)
        self._pace.resume()

    def _check_weights(self) -> None:
        """Refuse to validate or save weights that are not numbers: the last checkpoint still is."""
        parameters = list(self._run.state.network.parameters())
        if not torch.nn.utils.get_total_norm(parameters).isfinite():
            raise self._diverged("the weights are not finite")

    def _diverged(self, what: str) -> DivergedError:
        state, folder = self._run.state, self._run.folder
        kept = latest_checkpoint(folder.checkpoints)
        where = f"the last checkpoint is {kept}" if kept else "no checkpoint was written yet"
        return DivergedError(
            f"diverged at step {state.step}: {what}; {where}; lower train.max_lr, "
            f"{self._run.settings.train.max_lr:g} now, or train.grad_clip, and --resume auto"
        )


def _watch(run: Run) -> Watch:
    """Return the watch over a run, with what its checkpoint remembers."""
    state = run.state
    watch = Watch(state.network, run.loss, state.optimizer, run.platform, run.settings.train)
    if state.watch:
        watch.load_state_dict(state.watch)
    return watch


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
