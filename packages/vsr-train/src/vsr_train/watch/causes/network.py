"""Parameters that nothing trains, and weights that no training mends."""

import math
from collections.abc import Iterator

from vsr_train.watch.case import Case
from vsr_train.watch.causes.cause import NEGLIGIBLE, Cause
from vsr_train.watch.signs import has_dead_branch
from vsr_train.watch.snapshot import detail_of

EXPLODING = 1e3
"""What a block adds, relative to its input, from which on nothing of the input is left."""

DROWNING = 10.0
"""What the aligned branch adds, relative to its features; sound runs come to about 1."""


def frozen(case: Case) -> Iterator[Cause]:
    """Parameters without gradient, or that the optimiser does not have."""
    facts = case.facts
    for share, what in (
        (facts.frozen, "require no gradient"),
        (facts.not_optimized, "are not in the optimiser"),
    ):
        if share > 0:
            yield Cause(
                "frozen parameters",
                0.96 if share > 0.5 else 0.4,
                f"{share:.0%} of the parameters {what}",
                "let every parameter require a gradient and give the optimiser all of them",
            )


def dead_output(case: Case) -> Iterator[Cause]:
    """A last layer that passes no gradient on."""
    last = case.last
    if last.idle >= 0.5 and last.last_gradient == 0 and last.output_gradient >= NEGLIGIBLE:
        yield Cause(
            "dead output layer",
            0.95 - 0.3 * case.facts.frozen,
            f"the loss has a gradient at the output, and {last.idle:.0%} of the tensors get none, "
            "the last layer's weight among them",
            "start from other weights: two layers in a row that are all zero cannot learn",
        )


def blocks(case: Case) -> Iterator[Cause]:
    """Residual blocks that add nothing, or nothing but themselves."""
    added, train = case.last.blocks, case.train
    dead = [name for name, ratio in added.items() if ratio < NEGLIGIBLE]
    exploding = [name for name, ratio in added.items() if ratio > EXPLODING]
    decay = ", and set train.weight_decay = 0" if train.weight_decay else ""
    for name, found, what, remedy in (
        ("dead blocks", dead, "add nothing to their input", f"start from other weights{decay}"),
        (
            "exploding blocks",
            exploding,
            f"add over {EXPLODING:g} times their input",
            f"start from other weights, and lower train.max_lr from {train.max_lr:g}",
        ),
    ):
        if found:
            yield Cause(
                name,
                0.5 * len(found) / len(added),
                f"{len(found)} of {len(added)} residual blocks {what} ({found[0]} first)",
                remedy,
            )


def aligned_branch(case: Case) -> Iterator[Cause]:
    """A branch of neighbours that adds nothing, or drowns what it adds to."""
    last, train = case.last, case.train
    if has_dead_branch(last):
        decay = ", and set train.weight_decay = 0" if train.weight_decay else ""
        yield Cause(
            "dead aligned branch",
            0.94,
            f"neighbours are believed by {last.confidence:.1%}, and the aligned branch adds "
            "nothing and gets no gradient",
            "let its parameters require gradients; if they do, start a run of another name from "
            f"weights without a branch (--init), which gives it a fresh one{decay}",
        )
    if last.aligned is None or last.aligned <= DROWNING:  # NaN is neither
        return
    is_finite = math.isfinite(last.aligned)
    yield Cause(
        "exploding aligned branch",
        0.9 if is_finite else 0.99,
        f"the aligned branch adds {last.aligned:.2g} times its features"
        if is_finite
        else "what the aligned branch adds to finite features is not finite",
        "go on from a checkpoint before that, or start from weights without a branch (--init), "
        f"and lower train.max_lr from {train.max_lr:g}",
    )


def initial_noise(case: Case) -> Iterator[Cause]:
    """A last layer that began with random weights."""
    first = case.snapshots[0]
    noise = detail_of([first]).ratio
    if noise > 0.3 and case.now.correlation < 0.1:
        yield Cause(
            "initial noise",
            0.8 if case.now.ratio < 0.9 * noise else 0.5,
            f"at step {first.step} the output was its base plus {noise:.2g} times as much noise as "
            f"detail is missing, now {case.now.ratio:.2g}; removing it is no learning",
            "start with the last convolution at zero, as a fresh network does",
        )
