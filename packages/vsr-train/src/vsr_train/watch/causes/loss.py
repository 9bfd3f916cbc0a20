"""Terms of the loss that teach nothing, or leave the others no say."""

from collections.abc import Iterator

from vsr_train.watch.case import Case
from vsr_train.watch.causes.cause import NEGLIGIBLE, Cause, rounded

DOMINANT_SHARE, UNALIGNED_COSINE = 0.5, 0.15
"""A term's share of the gradient, and its cosine with the pixel error, that harm together."""


def perceptual(case: Case) -> Iterator[Cause]:
    """A perceptual network that changes, is dead, or that nobody vouches for."""
    facts, last = case.facts, case.last
    if facts.perceptual_weight == 0:
        return
    share = last.shares.get("perceptual", 0.0)
    first = case.snapshots[0].perceptual_norm
    changed = abs(last.perceptual_norm - first) > NEGLIGIBLE * first
    if facts.perceptual_trained or changed:
        sign = "its weights have changed" if changed else "its weights require gradients"
        yield Cause(
            "perceptual network is trained",
            0.97 if changed else 0.9,
            f"{sign} since the run began; trained on the same loss, it learns to see no difference",
            "freeze it: it must never be in the optimiser",
        )
    is_genuine = "verified" in facts.provenance and last.perceptual_norm > 0
    if share < NEGLIGIBLE or last.perceptual_norm == 0:
        yield Cause(
            "dead perceptual loss",
            0.93 if sum(last.shares.values()) - share < NEGLIGIBLE else 0.6,
            f"the perceptual term has {share:.1e} of the gradient at the output",
            "raise loss.perceptual_weight, or set it to 0"
            if is_genuine
            else "use torchvision's VGG16 weights, or set loss.perceptual_weight = 0",
        )
    elif not is_genuine:
        yield Cause(
            "unverified perceptual loss",
            0.3 + 0.5 * share * (last.alignment.get("perceptual", 1.0) < UNALIGNED_COSINE),
            f"the perceptual weights are {facts.provenance!r}, with {share:.0%} of the gradient",
            "use torchvision's VGG16 weights (loss.perceptual_weights = 'imagenet')",
        )


def dominant_term(case: Case) -> Iterator[Cause]:
    """A term other than the pixel error that has most of the gradient."""
    for name, share in case.last.shares.items():
        if name == "l1" or share < DOMINANT_SHARE or len(case.last.shares) == 1:
            continue
        cosine = case.last.alignment[name]
        to_a_third = 2 * share / max(1 - share, NEGLIGIBLE)
        yield Cause(
            "a term drowns the others",
            (0.85 if cosine < UNALIGNED_COSINE else 0.35) * share,
            f"{name} has {share:.0%} of the gradient at the output; its cosine with the pixel "
            f"error is {cosine:.2f}",
            f"divide loss.{name}_weight by {rounded(min(to_a_third, 1000)):g} or more",
        )
