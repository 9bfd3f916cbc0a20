"""The watch over a run: a snapshot every so many steps, a verdict on them, a diagnosis of an alarm.

In a loop:

    step         watch.before_step(step, batches, due=...)
                 result = stepper.step(batches, lr)
                 watch.after_step(step, lr, result)       on the device; nothing waits
    log row      lines = watch.examine_incidents(stream, processes)    steps not finite, and why
                 judgement = watch.judge()                fetches the snapshots taken since
    validation   watch.add_validation(step, gain_bilinear_db)
    alarm        diagnosis = watch.diagnose(step, judgement)
    checkpoint   watch.share_incidents(processes), state_dict, load_state_dict
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import torch
from torch import Tensor

from vsr_data import TrainingStream, inspect_pairs
from vsr_device import Platform, Processes
from vsr_losses import HybridLoss
from vsr_model.network import Network
from vsr_settings import Train
from vsr_train.step import MicroBatch, StepResult
from vsr_train.watch.case import Case, RunFacts
from vsr_train.watch.diagnosis import Diagnosis, diagnose
from vsr_train.watch.incidents import MOST_EXAMINED, Incidents, examine
from vsr_train.watch.probe import probe
from vsr_train.watch.recorder import PendingSnapshot, Recorder
from vsr_train.watch.snapshot import Snapshot
from vsr_train.watch.verdicts import Judgement, ValidationGain, Verdict, judge, judge_end

LEAST_SNAPSHOTS, LEAST_APART = 40, 5
"""Snapshots that a short run is judged by, and the fewest steps between two of them."""

MOST_SNAPSHOTS = 128
"""Snapshots that are kept; of the older ones, every second is dropped when there are more."""


class Watch:
    """Tells whether a run learns.

    Args:
        network: the network itself, not wrapped for several processes.
        loss: what is minimised.
        optimizer: what changes the network.
        platform: where to compute.
        train: the `[train]` section, resolved.
        degraded: whether training pairs are meant to be more than reduced.
    """

    def __init__(
        self,
        network: Network,
        loss: HybridLoss,
        optimizer: torch.optim.Optimizer,
        platform: Platform,
        train: Train,
        *,
        degraded: bool = False,
    ) -> None:
        self._network = network
        self._degraded = degraded
        self._loss = loss
        self._optimizer = optimizer
        self._platform = platform
        self._train = train
        self._recorder = Recorder(network, loss, platform, grad_clip=train.grad_clip)
        self._pending: list[PendingSnapshot] = []
        self._snapshots: list[Snapshot] = []
        self._validations: list[ValidationGain] = []
        self._batch: MicroBatch | None = None
        often = max(LEAST_APART, train.max_steps // LEAST_SNAPSHOTS)
        self._every = min(train.watch_every, often)
        self._is_due = False
        self._reported: Verdict | None = None
        self._incidents = Incidents(scaled=platform.amp_dtype == torch.float16)

    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """The snapshots so far, the oldest first."""
        return tuple(self._snapshots)

    def is_due(self, step: int) -> bool:
        """Whether a snapshot is taken of the step of this number, from 1, whatever the clock."""
        return step % self._every == 0

    def before_step(self, step: int, batches: Sequence[MicroBatch], *, due: bool = False) -> None:
        """Keep what a snapshot of the step, numbered from 1, compares with, if one is due."""
        self._is_due = due or self.is_due(step)
        if self._is_due:
            self._batch = batches[-1]
            self._recorder.keep_weights()

    def after_step(self, step: int, lr: float | Tensor, result: StepResult) -> None:
        """Count a step just made, and take a snapshot if one is due. Nothing is fetched."""
        self._recorder.count(result)
        self._incidents.count(step, result)
        if self._is_due and self._batch is not None:
            self._pending.append(self._recorder.record(step, lr, self._batch, result))

    def share_incidents(self, processes: Processes = Processes()) -> None:  # noqa: B008 - frozen
        """Fetch which steps were not finite and make that known to all processes, before a save."""
        self._incidents.settle(processes)

    def examine_incidents(
        self,
        stream: TrainingStream,
        processes: Processes = Processes(),  # noqa: B008 - frozen
    ) -> list[str]:
        """Fetch which steps were not finite since the last call, and say why of the first few.

        Samples at fault are set aside in `stream`, whose steps must then be drawn anew.
        """
        self._incidents.settle(processes)
        steps = self._incidents.take()
        if not steps:
            return []
        self._fetch()
        # what an incident showed is no sign of the run
        self._snapshots = [each for each in self._snapshots if each.step not in steps]
        few, more = steps[:MOST_EXAMINED], len(steps[MOST_EXAMINED:])
        lines = examine(few, stream, self._network, self._loss, self._platform, processes=processes)
        return [*lines, f"and {more} steps more"] if more else lines

    @property
    def reported(self) -> str:
        """The verdict that was reported last; empty before there was one."""
        return "" if self._reported is None else self._reported.value

    @property
    def too_many_incidents(self) -> bool:
        """Whether more steps were not finite than a run may have."""
        return self._incidents.too_many

    @property
    def validated_step(self) -> int | None:
        """Step of the latest validation that is known; None before there was one."""
        return self._validations[-1].step if self._validations else None

    def add_validation(self, step: int, gain_bilinear_db: float) -> None:
        """Take note of a validation."""
        self._validations.append(ValidationGain(step, gain_bilinear_db))

    def judge(self) -> Judgement:
        """Fetch the snapshots taken since and judge the run."""
        self._fetch()
        if not self._snapshots:
            return Judgement(Verdict.WARMING_UP, "no snapshot taken yet")
        return judge(self._snapshots, self._validations, self._train)

    def judge_end(self, gain_bicubic_db: float | None) -> Judgement | None:
        """Judge the run after its last step; None where it was too short to be judged."""
        self._fetch()
        return judge_end(self._snapshots, gain_bicubic_db, self._train)

    def note_verdict(self, judgement: Judgement) -> bool:
        """Remember the verdict; return whether it differs from the last one, to be said once."""
        reported, self._reported = self._reported, judgement.verdict
        return reported != judgement.verdict

    def reset(self) -> None:
        """Forget all snapshots: a run that was stopped is judged afresh when it goes on."""
        self._snapshots.clear()
        self._validations.clear()
        self._reported = None
        self._incidents.total = 0

    def diagnose(self, step: int, judgement: Judgement) -> Diagnosis:
        """Explain an alarm: test the last pairs, probe a copy of the network, order the causes.

        Args:
            step: steps made when the run was judged.
            judgement: the alarm.
        """
        case = Case(
            step,
            judgement,
            self._snapshots,
            self._train,
            RunFacts.of(self._network, self._loss, self._optimizer),
        )
        if self._batch is not None:
            lq, gt = (part.cpu() / 255 for part in self._batch)
            with torch.random.fork_rng(devices=[]):
                case = replace(
                    case,
                    findings=inspect_pairs(
                        lq, gt, self._network.settings.scale, degraded=self._degraded
                    ),
                    pairs=len(lq),
                    probe=probe(self._network, self._batch, self._platform),
                )
        return diagnose(case)

    def state_dict(self) -> dict[str, Any]:
        """Return all that later judgements depend on, as plain numbers and texts."""
        self._fetch()
        return {
            "recorder": self._recorder.state_dict(),
            "snapshots": [snapshot.as_dict() for snapshot in self._snapshots],
            "validations": [asdict(validation) for validation in self._validations],
            "incidents": self._incidents.total,
            "undone": self._incidents.unexamined,
            "reported": None if self._reported is None else self._reported.value,
        }

    def load_state_dict(self, stored: dict[str, Any]) -> None:
        """Go on as the watch that `state_dict` was called on."""
        self._recorder.load_state_dict(stored["recorder"])
        self._snapshots = [Snapshot.from_dict(snapshot) for snapshot in stored["snapshots"]]
        self._validations = [ValidationGain(**each) for each in stored["validations"]]
        self._incidents.total = stored["incidents"]
        self._incidents.unexamined = list(stored.get("undone", []))  # older checkpoints have none
        reported = stored["reported"]
        self._reported = None if reported is None else Verdict(reported)

    def _fetch(self) -> None:
        for pending in self._pending:
            self._snapshots = thinned([*self._snapshots, self._recorder.fetch(pending)])
        self._pending.clear()


def thinned(snapshots: list[Snapshot]) -> list[Snapshot]:
    """Return at most `MOST_SNAPSHOTS`: the latest as they are, older ones ever further apart."""
    if len(snapshots) <= MOST_SNAPSHOTS:
        return snapshots
    half = MOST_SNAPSHOTS // 2
    return snapshots[:half:2] + snapshots[half:]
