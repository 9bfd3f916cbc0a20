"""The watch over a run, and what follows from a verdict: it is told once; an alarm is explained."""

from vsr_train.errors import StagnatedError
from vsr_train.report import Report
from vsr_train.run import Run
from vsr_train.watch import Judgement, Watch, write_diagnosis


class Alarms:
    """Tells verdicts and heeds alarms, on the way and at the end alike.

    Args:
        run: the run that is judged.
        watch: what judges it.
        report: where verdicts are told; None in all processes but the first, which alone decides.
    """

    def __init__(self, run: Run, watch: Watch, report: Report | None) -> None:
        self._run = run
        self._watch = watch
        self._report = report

    def ends_run(self, judgement: Judgement) -> bool:
        """Tell whether a judgement ends the run."""
        stops = self._run.settings.train.on_stagnation == "stop"
        return stops and judgement.verdict.is_alarm and self._report is not None

    def tell(self, judgement: Judgement) -> str:
        """Report a verdict that is new; explain an alarm that is new or ends the run.

        Returns:
            The likeliest cause of an alarm and what to change; empty where nothing is explained.
        """
        if self._report is None:
            return ""
        self._report.note_judgement(judgement)
        is_news = self._watch.note_verdict(judgement)
        if is_news:
            self._report.log_verdict(self._run.state.step, judgement)
        if judgement.verdict.is_alarm and (is_news or self.ends_run(judgement)):
            return self._explain(judgement, self._report)
        return ""

    def error(self, what: str, change: str, *, go_on: str) -> StagnatedError:
        """Return what ends a saved run.

        Args:
            what: what has happened, a clause.
            change: what `tell` returned.
            go_on: what to do to go on, a clause.
        """
        return StagnatedError(
            f"{what}{change and f': {change}'}; the run is saved, "
            f"{str(self._run.folder.diagnosis)!r} tells more; {go_on}, or set train.on_stagnation "
            "= 'warn' to be told only"
        )

    def _explain(self, alarm: Judgement, report: Report) -> str:
        """Say and write the diagnosis; return its first cause and what to change."""
        diagnosis = self._watch.diagnose(self._run.state.step, alarm)
        for line in diagnosis.lines():
            report.say(line)
        path, snapshots = self._run.folder.diagnosis, self._watch.snapshots
        report.attempt("the diagnosis", lambda: write_diagnosis(diagnosis, path, snapshots))
        return f"likely {diagnosis.causes[0].name}; {diagnosis.causes[0].remedy}"


def watch_over(run: Run) -> Watch:
    """Return the watch over a run, with what its checkpoint holds."""
    state = run.state
    watch = Watch(
        state.network,
        run.loss,
        state.optimizer,
        run.platform,
        run.settings.train,
        degraded=any(clip.is_degraded for clip in run.training.clips),
    )
    if state.watch:
        watch.load_state_dict(state.watch)
    return watch
