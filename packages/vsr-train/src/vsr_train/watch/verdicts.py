"""Whether a run learns, judged from its looks and validations alone: a pure function.

The signal is the share of missing detail that is put back and its correlation, not loss or PSNR:
those move while an output only becomes its base. Thresholds are from docs/stagnation.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from vsr_settings import Train
from vsr_train.watch.figures import SMALLEST_ERROR, Detail
from vsr_train.watch.looks import Look, detail_of

POOL = 5
"""Latest looks whose figures are joined: single crops differ more than steps do."""

PATIENCE = 150
"""Steps after warm-up before a run that does not learn is called stagnating."""

SETTLED = 20
"""Steps after which a zero gradient is no longer the last layer's start at zero."""

LEARNT, RESTORED = 0.15, 0.003
"""Correlation and restored share that only learning reaches, the second whatever the scale."""

RISING, RISING_RESTORED = 0.05, 0.0002
"""The same where they are still rising, or the learning rate is already falling to its end."""

RISE_PER_STEP = 1e-4
"""Correlation that a rising run gains per step, at least."""

GROWTH = 1.4
"""How many times more a slow run restores than at half its steps; twice to four times is usual."""

SEEN = 0.012
"""Correlation under which growth may be chance: a pool's is off by about 0.004."""

FAR = 20
"""How many times its steps so far a slow run's growth is trusted for."""

WORTHWHILE = 0.01
"""Restored share that a slow run must be on its way to."""

TAIL = 0.3
"""Share of the peak learning rate under which a run is in its tail and no longer expected to."""

STILL = 1e-8
"""Relative change of the weights by a step that is none: under the rounding of fp32."""

EXPLODED = 1e4
"""Gradient norm that pictures in [0, 1] do not reach."""

LOST_DB = 3.0
"""Loss of gain, in dB, that no transient of a healthy run has."""

FALL_DB = 0.5
"""Loss of gain in validation, in dB, that is more than its noise."""

FORGOTTEN = 0.25
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
class Seen:
    """What a validation found, on the averaged weights."""

    step: int
    gain_db: float


def judge(looks: Sequence[Look], validations: Sequence[Seen], train: Train) -> Judgement:
    """Judge a run.

    Args:
        looks: at least one, in order; older ones may be thinned out.
        validations: in order, possibly none.
        train: the `[train]` section, resolved.
    """
    return (
        _diverging(looks)
        or _falling(validations)
        or _idle(looks, train)
        or _converged(looks, validations)
        or _learning(looks, train)
        or _waiting(looks, train)
        or Judgement(Verdict.STAGNATING, f"not learning: {figures(detail_of(looks[-POOL:]))}")
    )


def figures(found: Detail) -> str:
    """Return detail figures as text."""
    return (
        f"detail correlation {found.correlation:.3f}, detail ratio {found.ratio:.3g}, "
        f"{found.restored:.2%} of the missing detail restored, gain {found.gain_db:+.2f} dB "
        "on training crops"
    )


def _diverging(looks: Sequence[Look]) -> Judgement | None:
    now, before = detail_of(looks[-2:]), detail_of(looks[:2])
    twice = looks[-2:] if len(looks) > 1 and not any(k.skipped for k in looks[-2:]) else ()
    why = None
    if not math.isfinite(detail_of(looks[-1:]).ratio):
        why = "the output is not finite"
    elif twice and all(look.not_finite for look in twice):
        why = f"the gradient of {twice[-1].not_finite[0]} is not finite"
    elif twice and min(look.grad_norm for look in twice) > EXPLODED:
        why = f"the gradient norm is {twice[-1].grad_norm:.1e}"
    elif _lacks_detail(now) and len(looks) > POOL and now.gain_db < before.gain_db - LOST_DB:
        why = f"the gain fell from {before.gain_db:+.2f} to {now.gain_db:+.2f} dB"
    elif len(looks) > 2 * POOL:
        best = max(detail_of(looks[i : i + POOL]).restored for i in range(len(looks) - POOL))
        restored = detail_of(looks[-POOL:]).restored
        if best > WORTHWHILE and restored < FORGOTTEN * best:
            why = f"it restores {restored:.1%} of the missing detail and had restored {best:.1%}"
    return Judgement(Verdict.DIVERGING, why) if why else None


def _falling(validations: Sequence[Seen]) -> Judgement | None:
    """Find what training figures do not show where targets are wrong: validation getting worse."""
    if len(validations) < 3:
        return None
    best = max(seen.gain_db for seen in validations[:-2])
    now = max(seen.gain_db for seen in validations[-2:])
    if now >= min(best - FALL_DB, best / 2):
        return None
    return Judgement(
        Verdict.DIVERGING, f"gain in validation fell from {best:+.2f} to {now:+.2f} dB, twice"
    )


def _idle(looks: Sequence[Look], train: Train) -> Judgement | None:
    """Find weights that nothing moves: seen long before a run could have learned."""
    latest = [look for look in looks[-3:] if look.step > SETTLED]
    if len(latest) < 3:
        return None
    why = None
    if min(look.skipped for look in latest) > 0.5:
        why = f"{latest[-1].skipped:.0%} of the steps were skipped"
    elif max(k.moves for k in latest) < STILL and latest[-1].lr > TAIL * train.max_lr:
        why = "the weights do not change"
    elif min(look.idle for look in latest) >= 0.5 and not any(k.last_gradient for k in latest):
        why = f"{latest[-1].idle:.0%} of the tensors get no gradient, the last layer among them"
    return Judgement(Verdict.STAGNATING, why) if why else None


def _converged(looks: Sequence[Look], validations: Sequence[Seen]) -> Judgement | None:
    if len(validations) < 2 * PLATEAU or not _knows(detail_of(looks[-POOL:])):
        return None
    earlier = max(seen.gain_db for seen in validations[:-PLATEAU])
    later = max(seen.gain_db for seen in validations[-PLATEAU:])
    if later >= earlier + PLATEAU_DB:
        return None
    since = validations[-PLATEAU].step
    return Judgement(
        Verdict.CONVERGED, f"gain {later:+.2f} dB, and {earlier:+.2f} dB before step {since}"
    )


def _learning(looks: Sequence[Look], train: Train) -> Judgement | None:
    now = detail_of(looks[-POOL:])
    if _knows(now) or (
        now.correlation >= RISING
        and now.restored >= RISING_RESTORED
        and (_is_tail(looks[-1], train) or _rises(looks, now))
    ):
        return Judgement(Verdict.LEARNING, figures(now))
    return None


def _waiting(looks: Sequence[Look], train: Train) -> Judgement | None:
    """Wait for warm-up and patience to pass, and for slow runs as long as they grow."""
    last, now = looks[-1], detail_of(looks[-POOL:])
    began = looks[0].step  # late, where a run that was stopped goes on with other settings
    if last.step < (first := max(patience(train), began + PATIENCE)):
        return Judgement(Verdict.WARMING_UP, f"judged from step {first} on")
    half = [look for look in looks if look.step <= (began + last.step) / 2][-POOL:]
    if not half:
        return Judgement(Verdict.WARMING_UP, "judged after more looks")
    before = detail_of(half)
    times = min(FAR, train.max_steps / last.step)
    expected = now.restored * times**2  # ratio and correlation each grow with the steps
    grows = now.restored > GROWTH * max(before.restored, 0.0) and now.correlation >= SEEN
    if grows and expected >= WORTHWHILE:
        return Judgement(Verdict.WARMING_UP, f"slow, but learning: {figures(now)}")
    return None


def patience(train: Train) -> int:
    """Return the step from which a run must have learned something.

    Raises:
        ValueError: if the section is not resolved.
    """
    if train.warmup_steps == "auto":
        raise ValueError("train.warmup_steps is 'auto'; resolve the settings first")
    return train.warmup_steps + PATIENCE


def _knows(now: Detail) -> bool:
    return now.correlation >= LEARNT and now.restored >= RESTORED


def _lacks_detail(now: Detail) -> bool:
    """Tell bases that could gain something from those that are the ground truth already."""
    return now.missing**2 > 10 * SMALLEST_ERROR


def _is_tail(look: Look, train: Train) -> bool:
    return look.step > patience(train) and look.lr < TAIL * train.max_lr


def _rises(looks: Sequence[Look], now: Detail) -> bool:
    if len(looks) < 2 * POOL:
        return False
    before = looks[-2 * POOL : -POOL]
    steps = looks[-1].step - before[-1].step
    return now.correlation - detail_of(before).correlation >= RISE_PER_STEP * steps
