"""The loop of a run: step, and log, validate and save where it is time to."""

import math
from collections.abc import Callable, Iterator

import torch
from rich.console import Console

from vsr_data import DataError
from vsr_model import save_weights
from vsr_settings import effective_batch
from vsr_train.errors import DivergedError, StagnatedError
from vsr_train.folder import CheckpointWriter, begin, best_facts
from vsr_train.report import Report
from vsr_train.run import Run, opening, training_stream
from vsr_train.step import MicroBatch, StepClock, Stepper, learning_rate
from vsr_train.validation import Validation, Validator
from vsr_train.watch import Judgement, Watch, write_diagnosis


def start(run: Run, console: Console, stop: Callable[[], bool], *, overwrite: bool = False) -> None:
    """Open the run's folder and train to the last step, or until `stop` says so.

    Raises:
        RunError: if the disk refuses or the run diverges; what was saved before is whole.
        DataError: if a file of the footage is deleted or damaged meanwhile; the run is saved.
    """
    if not run.processes.is_first:
        _Loop(run, None).go(stop)
        return
    notes = begin(run.folder, run.settings, run.state, run.source, overwrite=overwrite)
    if run.rehearsal is not None:
        run.folder.write_rehearsal(run.rehearsal.as_dict())
    report = Report(
        run.settings, run.folder, console, weights=run.loss.weights, start_step=run.state.step
    )
    with report:
        for line in (*opening(run), *(f"note        {note}" for note in notes)):
            report.say(line)
        _Loop(run, report).go(stop)


class _Loop:
    """The steps of a run, and what is due after some of them."""

    def __init__(self, run: Run, report: Report | None) -> None:
        self._run = run
        self._report = report
        self._clock = StepClock()
        self._clock.load_state_dict(run.state.interval, run.processes, run.platform.device)
        self._writer = CheckpointWriter(run.folder, run.settings)
        self._last: Validation | None = None
        self._watch = _watch(run)
        self._training = training_stream(run.training, run.settings, run.platform, run.processes)
        self._steps = self._draw_steps()
        self._validator = Validator(run.validation, run.settings, run.platform, run.loss.perceptual)
        train = run.settings.train
        self._stepper = Stepper(
            run.processes.wrap(run.state.network, run.platform),
            run.loss,
            run.state.optimizer,
            run.state.scaler,
            run.platform,
            grad_clip=train.grad_clip,
        )

    def go(self, stop: Callable[[], bool]) -> None:
        """Make steps until the last, or until asked to stop."""
        with self._writer:
            self._go(stop)

    def _go(self, stop: Callable[[], bool]) -> None:
        state, train = self._run.state, self._run.settings.train
        if state.step >= train.max_steps:
            self._say(
                f"the run is at step {state.step} of {train.max_steps} already; raise "
                "train.max_steps to go on"
            )
            return
        try:
            while state.step < train.max_steps and not self._is_to_stop(stop):
                lr = learning_rate(state.updates, train)
                batches = next(self._steps)
                self._watch.before_step(state.step + 1, batches)
                result = self._stepper.step(batches, lr)
                state.step += 1
                self._watch.after_step(state.step, lr, result)
                if result.skipped:
                    state.skipped += 1
                else:
                    state.average.update(state.network)
                self._clock.add(result)
                self._attend(lr)
        except DataError:  # of this process alone, perhaps: the others do not save with it
            self._save(together=self._run.processes.world_size == 1)
            raise
        if state.step < train.max_steps:
            self._save()
        self._writer.finish()
        if self._report is not None:
            self._report.sum_up(state, self._last)

    def _draw_steps(self) -> Iterator[list[MicroBatch]]:
        """Return the steps from the present one on, without windows that are set aside."""
        state = self._run.state
        self._training.aside = frozenset(state.aside)
        return self._training.steps(state.step, self._run.settings.train.max_steps)

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
        self._writer.poll()
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
        state, interval = self._run.state, self._clock.fetch(self._run.processes)
        if self._report is not None and not math.isnan(interval.terms[-1]):
            self._report.log_training(
                state.step,
                interval.terms,
                lr=lr,
                grad_norm=interval.grad_norm,
                samples_per_s=effective_batch(self._run.settings) / interval.seconds_per_step,
                skipped=state.skipped,
            )
        self._clock.pause()
        self._heed_watch()
        self._clock.resume()

    def _heed_watch(self) -> None:
        """Report what the watch found since the last row of the log; end a run on an alarm."""
        run, state, watch = self._run, self._run.state, self._watch
        if undone := watch.undone_steps(self._training):
            for line in undone:
                self._say(line)
            state.aside = sorted(self._training.aside)
            self._steps = self._draw_steps()
        if run.processes.any(watch.too_many_undone, run.platform):
            watch.begin_anew()
            self._save()
            raise self._diverged("too many steps were not finite")
        judgement = watch.judge()
        is_alarm = judgement.verdict.is_alarm and self._report is not None
        change = "" if self._report is None else self._report_verdict(judgement, self._report)
        if run.settings.train.on_stagnation == "stop" and run.processes.any(is_alarm, run.platform):
            watch.begin_anew()
            self._save()
            raise StagnatedError(
                f"{judgement.verdict} at step {state.step}, and stopped: "
                f"{change or judgement.evidence}; the run is saved, {str(run.folder.diagnosis)!r} "
                "tells more; go on with --resume auto, or set train.on_stagnation = 'warn' to be "
                "told only"
            )

    def _report_verdict(self, judgement: Judgement, report: Report) -> str:
        """Report a new verdict, and explain an alarm; return what it says to change."""
        is_news = self._watch.is_news(judgement)
        report.log_verdict(self._run.state.step, judgement, is_news=is_news)
        if not (is_news and judgement.verdict.is_alarm):
            return ""
        diagnosis = self._watch.diagnose(judgement)
        for line in diagnosis.lines():
            report.say(line)
        write_diagnosis(diagnosis, self._run.folder.diagnosis, self._watch.snapshots)
        return f"likely {diagnosis.causes[0].name}; {diagnosis.causes[0].remedy}"

    def _validate(self) -> None:
        run, state = self._run, self._run.state
        self._check_weights()
        if self._report is None:
            return
        self._clock.pause()
        self._last = self._validator.measure(state.average.network)
        self._report.log_validation(state.step, self._last)
        self._watch.add_validation(state.step, self._last.mean["gain_db"])
        if self._last.mean["psnr"] > state.best.get("psnr", -math.inf):
            state.best = {"step": state.step, **self._last.mean}
            save_weights(state.average.network, run.folder.best, best_facts(state))
        self._clock.resume()

    def _save(self, *, together: bool = True) -> None:
        self._check_weights()
        self._clock.pause()
        state = self._run.state
        state.interval = self._clock.state_dict(self._run.processes) if together else {}
        if self._report is not None:
            state.watch = self._watch.state_dict()
            self._writer.save(state)
        self._clock.resume()

    def _check_weights(self) -> None:
        """Refuse to validate or save weights that are not numbers: the last checkpoint still is."""
        parameters = list(self._run.state.network.parameters())
        if not torch.nn.utils.get_total_norm(parameters).isfinite():
            raise self._diverged("the weights are not finite")

    def _diverged(self, what: str) -> DivergedError:
        state = self._run.state
        kept = self._writer.newest()
        where = f"the last checkpoint is {kept}" if kept else "no checkpoint was written yet"
        return DivergedError(
            f"diverged at step {state.step}: {what}; {where}; lower train.max_lr, "
            f"{self._run.settings.train.max_lr:g} now, or train.grad_clip, and --resume auto"
        )


def _watch(run: Run) -> Watch:
    """Return the watch over a run, with what its checkpoint holds."""
    state = run.state
    watch = Watch(state.network, run.loss, state.optimizer, run.platform, run.settings.train)
    if state.watch:
        watch.load_state_dict(state.watch)
    return watch
