"""Gradients that are not finite, or never arrive."""

import math
from collections.abc import Iterator

from vsr_train.watch.case import Case
from vsr_train.watch.causes.cause import NEGLIGIBLE, Cause
from vsr_train.watch.causes.recipe import LARGE_UPDATE


def not_finite(case: Case) -> Iterator[Cause]:
    """A term, a block or a gradient that is NaN or infinite."""
    last = case.last
    terms = [name for name, value in last.terms.items() if not math.isfinite(value)]
    blocks = [name for name, value in last.blocks.items() if not math.isfinite(value)]
    if last.skipped or not (terms or blocks or last.not_finite):
        return
    signs = []
    if terms:
        signs.append(f"loss term {', '.join(terms)}")
    if blocks:
        signs.append(f"the output of block {blocks[0]}")
    if last.not_finite:
        signs.append(f"the gradients of {len(last.not_finite)} tensors, {last.not_finite[-1]} last")
    exploded = case.largest_update > LARGE_UPDATE and len(case.snapshots) > 1
    first = "with train.use_amp = false; if it comes back, " if case.train.use_amp else "and "
    yield Cause(
        "gradients not finite",
        0.8 if exploded else 0.97,
        f"not finite: {'; '.join(signs)}",
        f"go on from the last checkpoint {first}lower train.max_lr",
    )


def skipped(case: Case) -> Iterator[Cause]:
    """Half precision in which gradients never fit."""
    if case.last.skipped > 0.5:
        overflow = case.last.not_finite[-1:] or ("none now",)
        yield Cause(
            "AMP skips steps",
            0.98,
            f"{case.last.skipped:.0%} of the steps since the last snapshot were withheld because "
            f"gradients overflowed in half precision (last in {overflow[0]})",
            "set train.use_amp = false, or train.amp_dtype = 'bf16' where the card has it",
        )


def no_gradient(case: Case) -> Iterator[Cause]:
    """A loss that does not depend on the output."""
    if case.last.output_gradient < NEGLIGIBLE:
        yield Cause(
            "loss without gradient",
            0.95 if case.facts.perceptual_weight == 0 else 0.92,
            f"the loss's gradient at the output has norm {case.last.output_gradient:.1e}; "
            "a mean absolute error's has 1",
            "raise the weights in [loss]: their sum should be near 1",
        )


def clipped(case: Case) -> Iterator[Cause]:
    """Clipping that leaves next to nothing."""
    last, limit = case.last, case.train.grad_clip
    if last.clip_factor < 0.05:
        yield Cause(
            "gradients clipped away",
            0.92 if case.is_suppressed else 0.25,
            f"clipping leaves {last.clip_factor:.1e} of the gradient ({last.clipped:.0%} of the "
            f"steps), and a step changes the weights by {last.whole_update:.1e} of their norm",
            f"raise train.grad_clip from {limit:g} to 1, or set it to 0"
            if limit < 1
            else "lower the weights in [loss] to a sum near 1, or set train.grad_clip to 0",
        )
