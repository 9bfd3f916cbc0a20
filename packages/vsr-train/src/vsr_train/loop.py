"""The loop of a run: step, and log, validate and save where it is time to."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace

import torch
from rich.console import Console

from vsr_data import DataError
from vsr_device import PeerError, Processes, peak_mib
from vsr_settings import effective_batch
from vsr_train.alarms import Alarms, watch_over
from vsr_train.cadence import Cadence
from vsr_train.errors import DivergedError, LearningError, RunError
from vsr_train.folder import CheckpointWriter, begin, best_facts
from vsr_train.report import Report
from vsr_train.requests import Requests
from vsr_train.run import Run, about_run, opening, training_stream
from vsr_train.signals import Action, Signals
from vsr_train.step import MicroBatch, Schedule, StepClock, Stepper
from vsr_train.validation import Validation, Validator
from vsr_train.watch import Watch


def start(run: Run, console: Console, signals: Signals, *, overwrite: bool = False) -> None:
    """Open the run's folder and train to the last step, or until a signal or the time says stop.

    Raises:
        RunError: if the disk refuses or the run diverges or stagnates; what was saved is whole.
        DataError: if a file of the footage is deleted or damaged meanwhile; the run is saved.
        PeerError: if another process cannot go on; between two steps the run is saved.
    """
    watch = watch_over(run)
    if not run.processes.is_first:
        _Loop(run, None, watch).go(signals)
        return
    notes = begin(run.folder, run.settings, run.state, run.source, overwrite=overwrite)
    report = Report(
        run.settings,
        run.folder,
        console,
        about=about_run(run),
        weights=run.loss.weights,
        start_step=run.state.step,
        verdict=watch.reported,
        seconds_per_step=None if run.rehearsal is None else run.rehearsal.seconds_per_step,
        stops=lambda: signals.stop_requested,
    )
    with report:
        if (rehearsal := run.rehearsal) is not None:
            figures = rehearsal.as_dict() | run.choice.as_dict()
            path = run.folder.rehearsal
            report.attempt("the rehearsal", lambda: run.folder.write_json(path, figures))
        for line in (*opening(run), *(f"note        {note}" for note in notes)):
            report.say(line)
        _Loop(run, report, watch).go(signals)


class _Loop:
    """The steps of a run, and the actions that are due after some of them."""

    def __init__(self, run: Run, report: Report | None, watch: Watch) -> None:
        self._run = run
        self._report = report
        self._step_clock = StepClock()
        self._cadence = Cadence(run.settings.train)
        self._step_clock.load_state_dict(run.state.interval, run.processes, run.platform.device)
        self._writer = CheckpointWriter(run.folder, run.settings)
        self._lr = torch.zeros(())
        self._last: Validation | None = None
        self._validated_step = watch.validated_step  # of an earlier process, the same in all now
        self._watch = watch
        self._alarms = Alarms(run, watch, report)
        self._stream = training_stream(run.training, run.settings, run.platform, run.processes)
        self._batches = self._draw_batches()
        self._schedule = Schedule(run.settings.train)
        self._validator = Validator(
            run.validation,
            run.settings,
            run.platform,
            run.loss.perceptual,
            run.processes,
            tile=run.tile,
        )
        self._stepper = Stepper(
            run.processes.wrap(run.state.network, run.platform),
            run.loss,
            run.state.optimizer,
            run.state.scaler,
            run.platform,
            grad_clip=run.settings.train.grad_clip,
        )

    def go(self, signals: Signals) -> None:
        """Make steps until the last, or until asked to stop."""
        with self._writer:
            self._go(signals)

    def _go(self, signals: Signals) -> None:
        state, train = self._run.state, self._run.settings.train
        if state.step >= train.max_steps:
            self._say(
                f"the run is at step {state.step} of {train.max_steps} already; raise "
                "train.max_steps to go on"
            )
            return
        signals.defer()
        keys = _no_keys if self._report is None else self._report.take
        requests = Requests(signals, keys, self._cadence, self._run.processes)
        try:
            self._make_steps(signals, requests)
        except LearningError:
            raise
        except (DataError, PeerError, RunError):
            with suppress(RunError):  # the reason that is told is the first one
                self._save(collective=False)
            raise
        else:
            if state.step < train.max_steps:
                self._save()
        self._writer.finish()
        self._finish()

    def _make_steps(self, signals: Signals, requests: Requests) -> None:
        state, train = self._run.state, self._run.settings.train
        while state.step < train.max_steps:
            batches = self._next_batches(signals)
            due = requests.take()
            if Action.PAUSE in due:
                with self._aside("paused"):
                    due = requests.wait_out(due, self._perform)
            if Action.STOP in due:
                return
            lr = self._lr = self._schedule.rate(state.step, state.withheld)
            self._watch.before_step(state.step + 1, batches, due=Action.LOG in due)
            result = self._stepper.step(batches, lr)
            state.count(result)
            self._watch.after_step(state.step, lr, result)
            self._step_clock.add(result)
            self._perform(due | self._cadence.by_step(state.step))

    def _next_batches(self, signals: Signals) -> list[MicroBatch]:
        """Draw a step before the processes agree to make it: one that cannot tells them there."""
        try:
            return next(self._batches)
        except DataError:
            if signals.stop_requested:
                return []  # a signal to the whole group ended a worker: no fault of the footage
            raise

    def _draw_batches(self) -> Iterator[list[MicroBatch]]:
        """Return the batches of every step to come, without windows that are set aside."""
        state = self._run.state
        self._stream.aside = frozenset(state.aside)
        return self._stream.steps(state.step, self._run.settings.train.max_steps)

    def _say(self, line: str) -> None:
        if self._report is not None:
            self._report.say(line)

    @contextmanager
    def _aside(self, what: str) -> Iterator[None]:
        """Do what is no step: the step clock stands still, and the terminal says what it is."""
        telling = nullcontext() if self._report is None else self._report.doing(what)
        with telling, self._step_clock.standing():
            yield

    def _perform(self, due: Action) -> None:
        """Log, validate, show and save what is due.

        Saving comes last: a run that goes on from a checkpoint finds all that came before it.
        """
        self._writer.poll()
        if self._report is not None:
            self._report.advance(self._run.state.step, self._writer.written_step)
        if Action.LOG in due:
            self._log()
        if Action.VALIDATE in due:
            with self._aside("validating"):
                self._validate()
        if Action.SAVE in due:
            self._save()

    def _log(self) -> None:
        state, interval = self._run.state, self._step_clock.fetch(self._run.processes)
        if self._report is not None and not math.isnan(interval.terms[-1]):
            self._report.log_training(
                state.step,
                interval.terms,
                lr=float(self._lr),
                grad_norm=interval.grad_norm,
                samples_per_s=effective_batch(self._run.settings) / interval.seconds_per_step,
                skipped=state.skipped,
                memory_mib=peak_mib(self._run.platform.device),
            )
        self._cadence.logged()
        with self._step_clock.standing():
            self._heed_watch()

    def _heed_watch(self) -> None:
        """Examine incidents since the last row of the log, and judge the run.

        Raises:
            DivergedError: if there were too many incidents.
            StagnatedError: on an alarm, unless the settings ask for a warning only.
        """
        run, state, watch = self._run, self._run.state, self._watch
        if incidents := watch.examine_incidents(self._stream, run.processes):
            for line in incidents:
                self._say(line)
            state.aside = sorted(self._stream.aside)
            self._batches = self._draw_batches()
        if run.processes.any(watch.too_many_incidents):
            watch.reset()
            self._save()
            raise self._diverged("too many steps were not finite")
        judgement = watch.judge()
        if self._report is not None:
            self._report.plot_watch(watch.snapshots)
        change = self._alarms.tell(judgement)
        if run.processes.any(self._alarms.ends_run(judgement)):
            watch.reset()
            self._save()
            raise self._alarms.error(
                f"{judgement.verdict} at step {state.step}, and stopped",
                change,
                go_on="go on with --resume auto",
            )

    def _validate(self) -> None:
        """Measure the averaged weights, log and show it, and keep them if they are the best."""
        run, state = self._run, self._run.state
        if state.step == self._validated_step:  # as twice in a pause
            self._say(f"step {state.step} is validated already")
            return
        self._check_weights()
        began = time.perf_counter()
        found = self._validator.measure(state.average.network)
        self._last = replace(found, comparisons=())  # whole frames: not kept while steps are made
        self._validated_step = state.step
        if self._report is not None:
            seconds = time.perf_counter() - began
            self._report.log_validation(state.step, found, seconds)
            self._watch.add_validation(state.step, found.mean["gain_db"])
            if found.mean["psnr"] > state.best.get("psnr", -math.inf):
                state.best = {"step": state.step, **found.mean}
                facts = best_facts(state, run.settings, run.training)
                run.folder.save_best(state.average.network, facts)
                self._report.write_model_card(state.best)
            self._report.show_validation(state, found)

    def _save(self, *, collective: bool = True) -> None:
        """Save the run; not collective, where a process has failed: without asking the others."""
        self._check_weights()
        state, processes = self._run.state, self._run.processes if collective else Processes()
        with self._aside("saving"):
            self._watch.share_incidents(processes)
            state.interval = self._step_clock.state_dict(processes)
            if self._report is not None:
                state.watch = self._watch.state_dict()
                self._report.plot_watch(self._watch.snapshots)
                self._writer.save(state)
        self._cadence.saved()

    def _finish(self) -> None:
        """Judge a run that made its last step, and sum it up; an alarm is as one on the way.

        Raises:
            StagnatedError: on an alarm, unless the settings ask for a warning only.
        """
        if self._report is None:
            return
        state, last = self._run.state, self._last
        judgement, change = None, ""
        if state.step >= self._run.settings.train.max_steps:
            gain_bicubic_db = None if last is None else last.mean["gain_bicubic_db"]
            judgement = self._watch.judge_end(gain_bicubic_db)
        if judgement is not None and judgement.verdict.is_alarm:
            change = self._alarms.tell(judgement)
        self._report.sum_up(state, last, judgement)
        if judgement is not None and self._alarms.ends_run(judgement):
            raise self._alarms.error(
                f"the run has ended without learning, {judgement.evidence}",
                change,
                go_on="raise train.max_steps to go on with --resume auto",
            )

    def _check_weights(self) -> None:
        """Refuse to validate or save weights that are not finite; the checkpoints before are."""
        parameters = list(self._run.state.network.parameters())
        if not torch.nn.utils.get_total_norm(parameters).isfinite():
            raise self._diverged("the weights are not finite")

    def _diverged(self, what: str) -> DivergedError:
        state = self._run.state
        newest_checkpoint = self._writer.newest()
        where = "no checkpoint was written yet"
        if newest_checkpoint is not None:
            where = f"the last checkpoint is {newest_checkpoint}"
        return DivergedError(
            f"diverged at step {state.step}: {what}; {where}; lower train.max_lr, "
            f"{self._run.settings.train.max_lr:g} now, or train.grad_clip, and --resume auto"
        )


def _no_keys() -> Action:
    return Action.NOTHING
