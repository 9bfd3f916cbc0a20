"""Why a run may not learn: one function a cause, each with its evidence and what to change.

Likelihoods order causes; they are not probabilities. A direct sign (nothing moves, a term is NaN)
comes before an indirect one (a small step, a large share).
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vsr_train.watch.case import Case
from vsr_train.watch.snapshot import detail_of

SMALL_UPDATE = 3e-4
"""Relative change of the weights under which a step is too small to learn within patience."""

LARGE_UPDATE = 0.03
"""Relative change of the weights over which a step destroys more than it learns."""

GOOD_UPDATE = 4e-3
"""Relative change of the weights of runs that learn fast."""

STIFLED = 0.3
"""Change of the weights per learning rate under which something keeps Adam from working."""

NOTHING = 1e-6
"""Share or norm that is as good as 0; a mean absolute error's gradient at the output has norm 1."""

DROWNING, UNRELATED = 0.5, 0.15
"""A term's share of the gradient, and its cosine with the pixel error, that harm together."""

ENOUGH_PAIRS = 8
"""Pairs from which the pair checks are nearly certain."""


@dataclass(frozen=True)
class Cause:
    """A possible reason."""

    name: str
    likelihood: float
    """Between 0 and 1."""
    evidence: str
    remedy: str


def causes(case: Case) -> tuple[Cause, ...]:
    """Return the possible causes, the likeliest first; never none."""
    found = [cause for name in _CAUSES for cause in name(case)]
    return tuple(sorted(found, key=lambda cause: -cause.likelihood))


def _not_finite(case: Case) -> Iterator[Cause]:
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
    yield Cause(
        "gradients not finite",
        0.8 if exploded else 0.97,
        f"not finite: {'; '.join(signs)}",
        "go on from the last checkpoint with train.use_amp = false; if it comes back, lower "
        "train.max_lr",
    )


def _skipped(case: Case) -> Iterator[Cause]:
    if case.last.skipped > 0.5:
        overflow = case.last.not_finite[-1:] or ("none now",)
        yield Cause(
            "AMP skips steps",
            0.98,
            f"{case.last.skipped:.0%} of the steps since the last snapshot were withheld because "
            f"gradients overflowed in half precision (last in {overflow[0]})",
            "set train.use_amp = false, or train.amp_dtype = 'bf16' where the card has it",
        )


def _frozen(case: Case) -> Iterator[Cause]:
    facts = case.facts
    for share, what in (
        (facts.frozen, "require no gradient"),
        (facts.forgotten, "are not in the optimiser"),
    ):
        if share > 0:
            yield Cause(
                "frozen parameters",
                0.96 if share > 0.5 else 0.4,
                f"{share:.0%} of the parameters {what}",
                "let every parameter require a gradient and give the optimiser all of them",
            )


def _no_gradient(case: Case) -> Iterator[Cause]:
    if case.last.output_gradient < NOTHING:
        yield Cause(
            "loss without gradient",
            0.95 if case.facts.perceptual_weight == 0 else 0.92,
            f"the loss's gradient at the output has norm {case.last.output_gradient:.1e}; "
            "a mean absolute error's has 1",
            "raise the weights in [loss]: their sum should be near 1",
        )


def _dead_output(case: Case) -> Iterator[Cause]:
    last = case.last
    if last.idle >= 0.5 and last.last_gradient == 0 and last.output_gradient >= NOTHING:
        yield Cause(
            "dead output layer",
            0.95 - 0.3 * case.facts.frozen,
            f"the loss has a gradient at the output, and {last.idle:.0%} of the tensors get none, "
            "the last layer's weight among them",
            "start from other weights: two layers in a row that are all zero cannot learn",
        )


def _dead_blocks(case: Case) -> Iterator[Cause]:
    dead = [name for name, added in case.last.blocks.items() if added < NOTHING]
    wild = [name for name, added in case.last.blocks.items() if added > 1e3]
    for names, what in ((dead, "add nothing to"), (wild, "drown")):
        if names:
            share = len(names) / len(case.last.blocks)
            yield Cause(
                "dead blocks",
                0.5 * share,
                f"{len(names)} of {len(case.last.blocks)} residual blocks {what} their input "
                f"({names[0]} first)",
                "start from other weights; lower train.weight_decay or train.max_lr",
            )


def _weight_decay(case: Case) -> Iterator[Cause]:
    eaten = case.train.weight_decay * max(snapshot.lr for snapshot in case.snapshots)
    if case.weight_growth < 0.7 and eaten > 1e-5:
        yield Cause(
            "weight decay",
            0.94,
            f"the weights have {case.weight_growth:.0%} of their first norm, and weight decay "
            f"takes {eaten:.2g} of them each step",
            f"lower train.weight_decay from {case.train.weight_decay:g} to 0.01 or less",
        )


def _perceptual(case: Case) -> Iterator[Cause]:
    facts, last = case.facts, case.last
    if facts.perceptual_weight == 0:
        return
    share = last.shares.get("perceptual", 0.0)
    first = case.snapshots[0].perceptual_norm
    changed = abs(last.perceptual_norm - first) > NOTHING * first
    if facts.perceptual_trained or changed:
        sign = "its weights have changed" if changed else "its weights require gradients"
        yield Cause(
            "perceptual network is trained",
            0.97 if changed else 0.9,
            f"{sign} since the run began; trained on the same loss, it learns to see no difference",
            "freeze it: it must never be in the optimiser",
        )
    if share < NOTHING or last.perceptual_norm == 0:
        yield Cause(
            "dead perceptual loss",
            0.93 if sum(last.shares.values()) - share < NOTHING else 0.6,
            f"the perceptual term has {share:.1e} of the gradient at the output",
            "use torchvision's VGG16 weights, or set loss.perceptual_weight = 0",
        )
    elif "verified" not in facts.provenance:
        yield Cause(
            "unverified perceptual loss",
            0.3 + 0.5 * share * (last.alignment.get("perceptual", 1.0) < UNRELATED),
            f"the perceptual weights are {facts.provenance!r}, with {share:.0%} of the gradient",
            "use torchvision's VGG16 weights (loss.perceptual_weights = 'imagenet')",
        )


def _drowning(case: Case) -> Iterator[Cause]:
    for name, share in case.last.shares.items():
        if name == "l1" or share < DROWNING or len(case.last.shares) == 1:
            continue
        cosine = case.last.alignment[name]
        yield Cause(
            "a term drowns the others",
            (0.85 if cosine < UNRELATED else 0.35) * share,
            f"{name} has {share:.0%} of the gradient at the output; its cosine with the pixel "
            f"error is {cosine:.2f}",
            f"lower loss.{name}_weight by {share / (1 - share):.2g} times or more"
            if share < 1 - NOTHING
            else f"lower loss.{name}_weight by a factor of 1000 or more",
        )


def _clipped(case: Case) -> Iterator[Cause]:
    last = case.last
    if last.clip_factor < 0.05:
        stifled = case.update_per_lr < STIFLED
        yield Cause(
            "gradients clipped away",
            0.92 if stifled else 0.25,
            f"clipping leaves {last.clip_factor:.1e} of the gradient ({last.clipped:.0%} of the "
            f"steps), and a step changes the weights by {last.whole_update:.1e} of their norm",
            f"raise train.grad_clip from {case.train.grad_clip:g} to 1, or set it to 0",
        )


def _small_lr(case: Case) -> Iterator[Cause]:
    largest, lr = case.largest_update, case.train.max_lr
    better = _rounded(min(1e-3, _suited_lr(case)))
    if largest < SMALL_UPDATE and better > lr:
        stifled = case.update_per_lr < STIFLED
        yield Cause(
            "learning rate too small",
            (0.5 if stifled else 0.9) * (0.7 if case.recipe_is_sound else 1),
            f"a step changes the weights by {largest:.1e} of their norm at most; runs that learn "
            f"do so by {GOOD_UPDATE:g}",
            f"raise train.max_lr from {lr:g} to {better:g}",
        )


def _large_lr(case: Case) -> Iterator[Cause]:
    largest, growth = case.largest_update, case.weight_growth
    if largest > LARGE_UPDATE or not growth < 2:
        better = _rounded(min(case.train.max_lr / 10, _suited_lr(case)))
        yield Cause(
            "learning rate too large",
            0.91 if case.judgement.verdict == "diverging" or largest > 2 * LARGE_UPDATE else 0.7,
            f"a step changed the weights by up to {largest:.1e} of their norm, which is now "
            f"{growth:.2g} times the first",
            f"lower train.max_lr from {case.train.max_lr:g} to {max(better, 1e-5):g}",
        )


def _suited_lr(case: Case) -> float:
    """The learning rate whose steps would change the weights as much as those that learn do."""
    lr = case.train.max_lr
    return lr * GOOD_UPDATE / case.largest_update if case.largest_update > 0 else lr


def _noise(case: Case) -> Iterator[Cause]:
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
    if case.recipe_is_sound:
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


def _rounded(value: float) -> float:
    return float(f"{value:.0e}")


_CAUSES: tuple[Callable[[Case], Iterator[Cause]], ...] = (
    _not_finite,
    _skipped,
    _frozen,
    _no_gradient,
    _dead_output,
    _dead_blocks,
    _weight_decay,
    _perceptual,
    _drowning,
    _clipped,
    _small_lr,
    _large_lr,
    _noise,
    _pairs,
    _unexplained,
)
