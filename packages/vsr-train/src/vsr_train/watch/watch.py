"""The watch over a run: looks every so many steps, judges, and explains an alarm once.

In a loop:

    step         batches = watch.passing(step, batches)   what the step of this number will see
                 result = stepper.step(batches, lr)
                 watch.count(step, lr, result)            on the device; nothing waits
    log row      for told in watch.incidents(stream): ... names steps that were not finite
                 judgement = watch.judge()                fetches the looks taken since
    validation   watch.validated(step, gain_db)
    alarm        diagnosis = watch.diagnose()
    checkpoint   state_dict, load_state_dict
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from typing import Any

import torch

from vsr_data import TrainingStream, inspect_pairs
from vsr_losses import HybridLoss
from vsr_model.network import Network
from vsr_settings import Train
from vsr_train.device import Platform
from vsr_train.step import MicroBatch, StepResult
from vsr_train.watch.case import Case, Facts
from vsr_train.watch.diagnosis import Diagnosis, diagnose
from vsr_train.watch.gauges import Gauges, Reading
from vsr_train.watch.incidents import MOST_TRACED, Incidents, trace
from vsr_train.watch.looks import Look
from vsr_train.watch.probe import probe
from vsr_train.watch.verdicts import Judgement, Seen, Verdict, judge

MOST_LOOKS = 128
"""Looks that are remembered; of the older ones, every second is forgotten when there are more."""


class Watch:
    """Tells whether a run learns.

    Args:
        network: the network itself, not wrapped for several processes.
        loss: what is minimised.
        optimizer: what changes the network.
        platform: where to compute.
        train: the `[train]` section, resolved.
    """

    def __init__(
        self,
        network: Network,
        loss: HybridLoss,
        optimizer: torch.optim.Optimizer,
        platform: Platform,
        train: Train,
    ) -> None:
        self._network = network
        self._loss = loss
        self._optimizer = optimizer
        self._platform = platform
        self._train = train
        self._gauges = Gauges(network, loss, platform, grad_clip=train.grad_clip)
        self._pending: list[Reading] = []
        self._looks: list[Look] = []
        self._validations: list[Seen] = []
        self._batch: MicroBatch | None = None
        self._told: Verdict | None = None
        self._incidents = Incidents(scaled=platform.amp_dtype == torch.float16)

    @property
    def looks(self) -> tuple[Look, ...]:
        """What was seen so far, the oldest first."""
        return tuple(self._looks)

    def is_due(self, step: int) -> bool:
        """Whether the step of this number, from 1, is looked at."""
        return step % self._train.watch_every == 0

    def passing(self, step: int, batches: Iterable[MicroBatch]) -> Iterator[MicroBatch]:
        """Pass on the micro-batches of a step, from 1; remember the last if it is looked at."""
        if not self.is_due(step):
            yield from batches
            return
        self._gauges.arm()
        for batch in batches:
            self._batch = batch
            yield batch

    def count(self, step: int, lr: float, result: StepResult) -> None:
        """Take note of a step just made; look at it if it is due. Nothing is fetched."""
        self._gauges.count(result)
        self._incidents.count(step, result)
        if self.is_due(step) and self._batch is not None:
            self._pending.append(self._gauges.read(step, lr, self._batch, result))

    def incidents(self, stream: TrainingStream) -> list[str]:
        """Fetch which steps were not finite since the last call, and say why of the first few.

        Samples at fault are set aside in `stream`, whose batches must then be drawn anew.
        """
        steps = self._incidents.fetch()
        told = [
            trace(step, stream, self._network, self._loss, self._platform)
            for step in steps[:MOST_TRACED]
        ]
        return told + [f"and {len(steps) - len(told)} steps more"] * (len(steps) > len(told))

    @property
    def over_budget(self) -> bool:
        """Whether more steps were not finite than a run may have."""
        return self._incidents.over_budget

    def validated(self, step: int, gain_db: float) -> None:
        """Take note of a validation."""
        self._validations.append(Seen(step, gain_db))

    def judge(self) -> Judgement:
        """Fetch the looks taken since and judge the run."""
        self._fetch()
        if not self._looks:
            return Judgement(Verdict.WARMING_UP, "not looked at yet")
        return judge(self._looks, self._validations, self._train)

    def is_news(self, judgement: Judgement) -> bool:
        """Whether the verdict differs from the last one asked about, so that it is told once."""
        told, self._told = self._told, judgement.verdict
        return told != judgement.verdict

    def begin_anew(self) -> None:
        """Forget what was seen: a run that was stopped is judged afresh when it goes on."""
        self._looks.clear()
        self._validations.clear()
        self._told = None
        self._incidents.total = 0

    def diagnose(self, judgement: Judgement) -> Diagnosis:
        """Explain an alarm: test the last pairs, probe a copy of the network, order the causes."""
        case = Case(
            judgement,
            self._looks,
            self._train,
            Facts.of(self._network, self._loss, self._optimizer),
        )
        if self._batch is not None:
            lq, gt = (part.cpu() / 255 for part in self._batch)
            with torch.random.fork_rng(devices=[]):
                case = replace(
                    case,
                    findings=inspect_pairs(lq, gt, self._network.settings.scale),
                    pairs=len(lq),
                    probe=probe(self._network, self._batch, self._platform),
                )
        return diagnose(case)

    def state_dict(self) -> dict[str, Any]:
        """Return all that later judgements depend on, as plain numbers and texts."""
        self._fetch()
        return {
            "gauges": self._gauges.state_dict(),
            "looks": [look.as_dict() for look in self._looks],
            "validations": [asdict(seen) for seen in self._validations],
            "incidents": self._incidents.total,
            "told": None if self._told is None else self._told.value,
        }

    def load_state_dict(self, stored: dict[str, Any]) -> None:
        """Go on as the watch that `state_dict` was called on."""
        self._gauges.load_state_dict(stored["gauges"])
        self._looks = [Look.from_dict(look) for look in stored["looks"]]
        self._validations = [Seen(**seen) for seen in stored["validations"]]
        self._incidents.total = stored["incidents"]
        self._told = None if stored["told"] is None else Verdict(stored["told"])

    def _fetch(self) -> None:
        for reading in self._pending:
            self._looks = thinned([*self._looks, self._gauges.fetch(reading)])
        self._pending.clear()


def thinned(looks: list[Look]) -> list[Look]:
    """Return at most `MOST_LOOKS` looks: the latest as they are, older ones ever further apart."""
    if len(looks) <= MOST_LOOKS:
        return looks
    half = MOST_LOOKS // 2
    return looks[:half:2] + looks[half:]
