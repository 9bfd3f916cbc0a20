"""Why a run may not learn: one rule a cause, each with its evidence and what to change.

Likelihoods order causes; they are not probabilities. A direct sign (nothing moves, a term is NaN)
comes before an indirect one (a small step, a large share).
"""

from collections.abc import Callable, Iterator

from vsr_train.watch.case import Case
from vsr_train.watch.causes.cause import Cause
from vsr_train.watch.causes.gradients import clipped, no_gradient, not_finite, skipped
from vsr_train.watch.causes.loss import dominant_term, perceptual
from vsr_train.watch.causes.network import (
    aligned_branch,
    blocks,
    dead_output,
    frozen,
    initial_noise,
)
from vsr_train.watch.causes.recipe import few_steps, large_lr, small_lr, weight_decay

__all__ = ["Cause", "causes"]

ENOUGH_PAIRS = 8
"""Pairs from which the pair checks are nearly certain."""


def causes(case: Case) -> tuple[Cause, ...]:
    """Return the possible causes, the likeliest first; never none."""
    found = [cause for rule in _RULES for cause in rule(case)]
    return tuple(sorted(found, key=lambda cause: -cause.likelihood))


def _pairs(case: Case) -> Iterator[Cause]:
    for finding in case.findings:
        if finding.severity == "fatal":
            yield Cause(
                finding.name,
                0.93 if case.pairs >= ENOUGH_PAIRS else 0.6,
                finding.text,
                "mend the footage; --check tells more about it",
            )


def _unexplained(case: Case) -> Iterator[Cause]:
    if case.probe_failed:
        yield Cause(
            "network or data",
            0.2,
            "a plain recipe does no better on a copy of the network",
            "start from other weights; look at the training pairs",
        )
    else:
        yield Cause(
            "unexplained",
            0.1,
            "no known sign fits" + (", and a plain recipe would learn" if case.probe else ""),
            "try the defaults of [train] and [loss], loss.perceptual_weight = 0 first",
        )


_RULES: tuple[Callable[[Case], Iterator[Cause]], ...] = (
    not_finite,
    skipped,
    frozen,
    no_gradient,
    dead_output,
    blocks,
    aligned_branch,
    weight_decay,
    perceptual,
    dominant_term,
    clipped,
    small_lr,
    large_lr,
    few_steps,
    initial_noise,
    _pairs,
    _unexplained,
)
