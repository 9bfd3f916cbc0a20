"""Whether a run learns, judged from its snapshots and validations alone: a pure function.

The signal is the share of missing detail that is put back and its correlation, not loss or PSNR:
those move while an output only becomes its base. Thresholds are from docs/stagnation.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from vsr_settings import Train
from vsr_train.watch.detail import Detail
from vsr_train.watch.signs import (
    NO_UPDATE,
    ZERO_INIT_STEPS,
    has_dead_branch,
    has_learned,
    lacks_detail,
    restores_some,
)
from vsr_train.watch.snapshot import Snapshot, detail_of

POOL = 5
"""Latest snapshots whose figures are joined: single crops differ more than steps do."""

PATIENCE_STEPS = 150
"""Steps after warm-up before a run that does not learn is called stagnating."""

JUDGED, ABOVE_BICUBIC = 50, 400
"""Steps after which a run has restored some detail, and after which it is above bicubic."""

RISE_PER_STEP = 1e-4
"""Correlation that a rising run gains per step, at least."""

GROWTH = 1.4
"""How many times more a slow run restores than at half its steps; twice to four times is usual."""

CHANCE_CORRELATION = 0.012
"""Correlation under which growth may be chance: a pool's is off by about 0.004."""

EXTRAPOLATION = 20
"""How many times its steps so far a slow run's growth is trusted for."""

USEFUL_RESTORED = 0.01
"""Restored share that a slow run must be on its way to."""

TAIL_LR_SHARE = 0.3
"""Share of the peak learning rate under which a run is in its tail: nothing has to rise there."""

EXPLODING_NORM = 1e4
"""Gradient norm that pictures in [0, 1] do not reach."""

LOST_DB = 3.0
"""Loss of gain, in dB, that no transient of a healthy run has."""

FALL_DB = 0.5
"""Loss of gain in validation, in dB, that is more than its noise."""

LOST_SHARE = 0.25
"""Share of the best restored share under which a run has lost what it learned."""

PLATEAU, PLATEAU_DB = 5, 0.02
"""Validations without a gain of so many dB that make a run converged."""


class Verdict(StrEnum):
    """What a run does."""

    WARMING_UP = "warming up"
    LEARNING = "learning"
    CONVERGED = "converged"
    STAGNATING = "stagnating"
    DIVERGING = "diverging"

    @property
    def is_alarm(self) -> bool:
        """Whether the run should be stopped or its user warned."""
        return self in (Verdict.STAGNATING, Verdict.DIVERGING)


@dataclass(frozen=True)
class Judgement:
    """A verdict and what it rests on."""

    verdict: Verdict
    evidence: str
    """One sentence of figures."""


@dataclass(frozen=True)
class ValidationGain:
    """What a validation found, on the averaged weights."""

    step: int
    gain_db: float
    """Gain over bilinear, under its name in checkpoints."""


def judge(
    snapshots: Sequence[Snapshot], validations: Sequence[ValidationGain], train: Train
) -> Judgement:
    """Judge a run.

    Args:
        snapshots: at least one, in order; older ones may be thinned out.
        validations: in order, possibly none.
        train: the `[train]` section, resolved.
    """
    return (
        _diverging(snapshots)
        or _falling(validations)
        or _not_updating(snapshots, train)
        or _converged(snapshots, validations)
        or _learning(snapshots, train)
        or _waiting(snapshots, train)
        or Judgement(Verdict.STAGNATING, f"not learning: {figures(detail_of(snapshots[-POOL:]))}")
    )


def judge_end(
    snapshots: Sequence[Snapshot], gain_bicubic_db: float | None, train: Train
) -> Judgement | None:
    """Judge a run that has made its last step; None where it was too short to have learned.

    What a run may still hope for no longer counts, only what it has come to.

    Args:
        snapshots: in order, possibly none.
        gain_bicubic_db: gain over bicubic of its last validation; None where there was none.
        train: the `[train]` section, resolved.
    """
    if train.max_steps < JUDGED or not snapshots:
        return None
    now = detail_of(snapshots[-POOL:])
    if not restores_some(now):
        return Judgement(Verdict.STAGNATING, f"no detail restored: {figures(now)}")
    restored = f"{now.restored:.1%} of the missing detail restored"
    if gain_bicubic_db is None or gain_bicubic_db >= 0:
        return Judgement(Verdict.LEARNING, restored)
    below = f"{-gain_bicubic_db:.2f} dB below bicubic"
    if train.max_steps >= ABOVE_BICUBIC:
        return Judgement(Verdict.STAGNATING, f"{below} after {train.max_steps} steps, {restored}")
    return Judgement(Verdict.LEARNING, f"{below} after few steps, {restored}")


def figures(found: Detail) -> str:
    """Return detail figures as text."""
    return (
        f"detail correlation {found.correlation:.3f}, detail ratio {found.ratio:.3g}, "
        f"{found.restored:.2%} of the missing detail restored, gain {found.gain_db:+.2f} dB "
        "on training crops"
    )


def _diverging(snapshots: Sequence[Snapshot]) -> Judgement | None:
    now, before = detail_of(snapshots[-2:]), detail_of(snapshots[:2])
    twice = (
        snapshots[-2:] if len(snapshots) > 1 and not any(k.skipped for k in snapshots[-2:]) else ()
    )
    why = None
    if not math.isfinite(detail_of(snapshots[-1:]).ratio):
        why = "the output is not finite"
    elif twice and all(snapshot.not_finite for snapshot in twice):
        why = f"the gradient of {twice[-1].not_finite[0]} is not finite"
    elif twice and min(snapshot.grad_norm for snapshot in twice) > EXPLODING_NORM:
        why = f"the gradient norm is {twice[-1].grad_norm:.1e}"
    elif lacks_detail(now) and len(snapshots) > POOL and now.gain_db < before.gain_db - LOST_DB:
        why = f"the gain fell from {before.gain_db:+.2f} to {now.gain_db:+.2f} dB"
    elif len(snapshots) > 2 * POOL:
        best = max(
            detail_of(snapshots[i : i + POOL]).restored for i in range(len(snapshots) - POOL)
        )
        restored = detail_of(snapshots[-POOL:]).restored
        if best > USEFUL_RESTORED and restored < LOST_SHARE * best:
            why = f"it restores {restored:.1%} of the missing detail and had restored {best:.1%}"
    return Judgement(Verdict.DIVERGING, why) if why else None


def _falling(validations: Sequence[ValidationGain]) -> Judgement | None:
    """Find what training figures do not show where targets are wrong: validation getting worse."""
    if len(validations) < 3:
        return None
    best = max(each.gain_db for each in validations[:-2])
    now = max(each.gain_db for each in validations[-2:])
    if now >= min(best - FALL_DB, best / 2):
        return None
    return Judgement(
        Verdict.DIVERGING, f"gain in validation fell from {best:+.2f} to {now:+.2f} dB, twice"
    )


def _not_updating(snapshots: Sequence[Snapshot], train: Train) -> Judgement | None:
    """Find weights that nothing moves: seen long before a run could have learned."""
    began = snapshots[0].step  # late, where a run that was stopped goes on with other settings
    past_start = ZERO_INIT_STEPS if began <= ZERO_INIT_STEPS else began + ZERO_INIT_STEPS
    latest = [snapshot for snapshot in snapshots[-3:] if snapshot.step > past_start]
    if len(latest) < 3:
        return None
    why = None
    if min(snapshot.skipped for snapshot in latest) > 0.5:
        why = f"{latest[-1].skipped:.0%} of the steps were skipped"
    elif (
        max(k.whole_update for k in latest) < NO_UPDATE
        and latest[-1].lr > TAIL_LR_SHARE * train.max_lr
    ):
        why = "the weights do not change"
    elif min(snapshot.idle for snapshot in latest) >= 0.5 and not any(
        k.last_gradient for k in latest
    ):
        why = f"{latest[-1].idle:.0%} of the tensors get no gradient, the last layer among them"
    elif all(map(has_dead_branch, latest)):
        why = "the aligned branch adds nothing and gets no gradient"
    return Judgement(Verdict.STAGNATING, why) if why else None


def _converged(
    snapshots: Sequence[Snapshot], validations: Sequence[ValidationGain]
) -> Judgement | None:
    if len(validations) < 2 * PLATEAU or not has_learned(detail_of(snapshots[-POOL:])):
        return None
    earlier = max(each.gain_db for each in validations[:-PLATEAU])
    later = max(each.gain_db for each in validations[-PLATEAU:])
    if later >= earlier + PLATEAU_DB:
        return None
    since = validations[-PLATEAU].step
    return Judgement(
        Verdict.CONVERGED, f"gain {later:+.2f} dB, and {earlier:+.2f} dB before step {since}"
    )


def _learning(snapshots: Sequence[Snapshot], train: Train) -> Judgement | None:
    now = detail_of(snapshots[-POOL:])
    if has_learned(now) or (
        restores_some(now) and (_is_tail(snapshots[-1], train) or _rises(snapshots, now))
    ):
        return Judgement(Verdict.LEARNING, figures(now))
    return None


def _waiting(snapshots: Sequence[Snapshot], train: Train) -> Judgement | None:
    """Wait for warm-up and patience to pass, and for slow runs as long as they grow."""
    last, now = snapshots[-1], detail_of(snapshots[-POOL:])
    began = snapshots[0].step  # late, where a run that was stopped goes on with other settings
    if last.step < (first := max(first_judged_step(train), began + PATIENCE_STEPS)):
        return Judgement(Verdict.WARMING_UP, f"judged from step {first} on")
    half = [snapshot for snapshot in snapshots if snapshot.step <= (began + last.step) / 2][-POOL:]
    if not half:
        return Judgement(Verdict.WARMING_UP, "judged after more snapshots")
    before = detail_of(half)
    times = min(EXTRAPOLATION, train.max_steps / last.step)
    expected = now.restored * times**2  # ratio and correlation each grow with the steps
    grows = (
        now.restored > GROWTH * max(before.restored, 0.0) and now.correlation >= CHANCE_CORRELATION
    )
    if grows and expected >= USEFUL_RESTORED:
        return Judgement(Verdict.WARMING_UP, f"slow, but learning: {figures(now)}")
    return None


def first_judged_step(train: Train) -> int:
    """Return the step from which a run must have learned something.

    Raises:
        ValueError: if the section is not resolved.
    """
    if train.warmup_steps == "auto":
        raise ValueError("train.warmup_steps is 'auto'; resolve the settings first")
    return train.warmup_steps + PATIENCE_STEPS


def _is_tail(snapshot: Snapshot, train: Train) -> bool:
    return snapshot.step > first_judged_step(train) and snapshot.lr < TAIL_LR_SHARE * train.max_lr


def _rises(snapshots: Sequence[Snapshot], now: Detail) -> bool:
    if len(snapshots) < 2 * POOL:
        return False
    before = snapshots[-2 * POOL : -POOL]
    steps = snapshots[-1].step - before[-1].step
    return now.correlation - detail_of(before).correlation >= RISE_PER_STEP * steps
