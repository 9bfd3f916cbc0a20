"""Learning rate, weight decay and steps that do not suit the run."""

from collections.abc import Iterator
from typing import Final

from vsr_train.watch.case import Case
from vsr_train.watch.causes.cause import Cause, rounded
from vsr_train.watch.signs import restores_some
from vsr_train.watch.verdicts import Verdict, first_judged_step

SMALL_UPDATE: Final = 3e-4
"""Relative change of the weights under which a step is too small to learn in time."""

LARGE_UPDATE: Final = 0.03
"""Relative change of the weights over which a step destroys more than it learns."""

GOOD_UPDATE: Final = 4e-3
"""Relative change of the weights of runs that learn fast."""


def weight_decay(case: Case) -> Iterator[Cause]:
    """Weights that decay faster than they learn."""
    decay = case.train.weight_decay
    per_step = decay * max(snapshot.lr for snapshot in case.snapshots)
    if case.weight_growth < 0.7 and per_step > 1e-5:
        yield Cause(
            "weight decay",
            0.94,
            f"the weights have {case.weight_growth:.0%} of their first norm, and weight decay "
            f"takes {per_step:.2g} of them each step",
            f"lower train.weight_decay from {decay:g} to {min(0.01, rounded(decay / 10)):g} or "
            "less",
        )


def small_lr(case: Case) -> Iterator[Cause]:
    """Steps too short to get anywhere."""
    largest, lr = case.largest_update, case.train.max_lr
    better = rounded(min(1e-3, _suited_lr(case)))
    if largest < SMALL_UPDATE and better > lr:
        yield Cause(
            "learning rate too small",
            (0.5 if case.is_suppressed else 0.9) * (0.7 if case.probe_failed else 1),
            f"a step changes the weights by {largest:.1e} of their norm at most; runs that learn "
            f"do so by {GOOD_UPDATE:g}",
            f"raise train.max_lr from {lr:g} to {better:g}",
        )


def large_lr(case: Case) -> Iterator[Cause]:
    """Steps that destroy more than they learn."""
    largest, growth, lr = case.largest_update, case.weight_growth, case.train.max_lr
    if largest > LARGE_UPDATE or not growth < 2:
        better = rounded(min(lr / 10, max(_suited_lr(case), lr / 1000)))
        yield Cause(
            "learning rate too large",
            0.91 if case.judgement.verdict == "diverging" or largest > 2 * LARGE_UPDATE else 0.7,
            f"a step changed the weights by up to {largest:.1e} of their norm, which is now "
            f"{growth:.2g} times the first",
            f"lower train.max_lr from {lr:g} to {better:g}",
        )


def few_steps(case: Case) -> Iterator[Cause]:
    """A run whose last step came before what more steps would have shown."""
    steps, first_judged = case.train.max_steps, first_judged_step(case.train)
    is_over = case.step >= steps and case.judgement.verdict == Verdict.STAGNATING
    if is_over and (steps < first_judged or restores_some(case.now)):
        yield Cause(
            "too few steps",
            0.3,
            f"{steps} steps are made, and {case.now.restored:.2%} of the missing detail restored",
            f"raise train.max_steps from {steps} to {max(2 * steps, 2 * first_judged)} or more",
        )


def _suited_lr(case: Case) -> float:
    """The learning rate whose steps would change the weights as much as those that learn do."""
    lr = case.train.max_lr
    return lr * GOOD_UPDATE / case.largest_update if case.largest_update > 0 else lr
