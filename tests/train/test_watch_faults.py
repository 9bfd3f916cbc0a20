"""Injected faults end in an alarm with the right cause first; sound runs end in none.

The tables of docs/stagnation.md are marked exhaustive; `pytest -m exhaustive -s` prints them.
"""

import copy

import pytest
import torch
from torch.nn.functional import interpolate
from train.watch_runs import (
    OTHERS,
    FeatureLoss,
    ForcedLoss,
    SkippingStepper,
    Trial,
    co_trained,
    conduct,
    footage,
)

from vsr_losses import HybridLoss
from vsr_model.network import Network
from vsr_settings import Loss
from vsr_train.step import Stepper, make_optimizer
from vsr_train.watch.causes.network import DROWNING
from vsr_train.watch.signs import has_dead_branch

AT_ONCE, LATER = 50, 180
"""Steps within which direct signs and missing learning are found; warm-up is 20 steps of them."""


def noisy_last_layer(network: Network) -> None:
    """torch's own initial values, as before the last convolution began at zero."""
    network.upsample[2].reset_parameters()


def zero_upsampling(network: Network) -> None:
    for layer in (network.upsample[0], network.upsample[2]):
        for parameter in layer.parameters():
            torch.nn.init.zeros_(parameter)


def all_but_the_first_frozen(network: Network) -> None:
    network.requires_grad_(requires_grad=False).feat_extract.requires_grad_()


def inf_in_a_block(network: Network) -> None:
    with torch.no_grad():
        network.forward_trunk[1].conv2.weight[0, 0, 0, 0] = float("inf")


def aligned_branch_frozen(network: Network) -> None:
    network.align.requires_grad_(requires_grad=False)


def nan_in_the_aligned_branch(network: Network) -> None:
    with torch.no_grad():
        network.align.out.weight[0, 0] = float("nan")


def large_aligned_branch(network: Network) -> None:
    torch.nn.init.normal_(network.align.out.weight, std=30)


def of_another_network(network, _, train):
    return make_optimizer(copy.deepcopy(network), train)


def plain_descent(network, _, train):
    return torch.optim.SGD(network.parameters(), lr=train.max_lr)


def dead_features():
    loss = ForcedLoss({"perceptual": 1.0}, FeatureLoss())
    for parameter in loss.perceptual.parameters():
        torch.nn.init.zeros_(parameter)
    return loss


class MeanColour(FeatureLoss):
    """A term that sees nothing but each picture's mean colour."""

    def forward(self, sr, gt):
        return (sr - gt).mean(dim=(-2, -1)).abs().mean()


class TurnsIntoNaN(FeatureLoss):
    """Features that are not finite from their 30th picture on."""

    calls = 0

    def forward(self, sr, gt):
        self.calls += 1
        return super().forward(sr, gt) * (float("nan") if self.calls > 30 else 1)


class Leaping(Stepper):
    """Multiplies the learning rate from its 140th step on."""

    steps = 0

    def step(self, batches, lr):
        self.steps += 1
        return super().step(batches, lr * (100 if self.steps > 140 else 1))


def shuffled(batch, generator):
    lq, gt = batch
    return lq, gt[torch.randperm(len(gt), generator=generator)]


def shaken(batch, generator):
    lq, gt = batch
    shifts = torch.randint(-3, 4, (len(gt), 2), generator=generator).tolist()
    return lq, torch.stack([one.roll(by, (-2, -1)) for one, by in zip(gt, shifts, strict=True)])


def flat(batch, _):
    return tuple(torch.full_like(part, 90) for part in batch)


def enlarged(batch, _):
    lq, gt = batch
    base = interpolate(lq[:, 2].float(), size=gt.shape[-2:], mode="bilinear")
    return lq, base.round().to(torch.uint8)


ONE_OUTPUT = "none"
"""For what is wrong with the perceptual term: the output without neighbours is trained without it,
and would teach the network all the same."""

FAULTS = {
    "lr 1e-6": (Trial({"max_lr": 1e-6, "min_lr": 1e-8}), LATER, "learning rate too small"),
    "lr 1e-7": (Trial({"max_lr": 1e-7, "min_lr": 1e-9}), LATER, "learning rate too small"),
    "lr 2e-2": (Trial({"max_lr": 2e-2}), LATER, "learning rate too large"),
    "lr 0.1": (Trial({"max_lr": 0.1}), LATER, "learning rate too large"),
    "AdamW, clip 1e-9": (Trial({"grad_clip": 1e-9}), LATER, "gradients clipped away"),
    "SGD 1e-2, clip 1e-4": (
        Trial({"grad_clip": 1e-4, "max_lr": 1e-2}, optimizer=plain_descent),
        LATER,
        "gradients clipped away",
    ),
    "loss × 0": (
        Trial(loss=lambda: ForcedLoss({"l1": 1.0}, scale=0.0)),
        AT_ONCE,
        "loss without gradient",
    ),
    "loss × 1e-10": (
        Trial(loss=lambda: ForcedLoss({"l1": 1.0}, scale=1e-10)),
        LATER,
        "loss without gradient",
    ),
    "every step skipped": (Trial(stepper=SkippingStepper), AT_ONCE, "AMP skips steps"),
    "all but one layer frozen": (
        Trial(spoil=all_but_the_first_frozen),
        AT_ONCE,
        "frozen parameters",
    ),
    "optimiser of another network": (
        Trial(optimizer=of_another_network),
        AT_ONCE,
        "frozen parameters",
    ),
    "upsampling all zero": (Trial(spoil=zero_upsampling), AT_ONCE, "dead output layer"),
    "weight decay 10": (Trial({"weight_decay": 10}), LATER, "weight decay"),
    "weight decay 10, lr 4e-3": (
        Trial({"weight_decay": 10, "max_lr": 4e-3}),
        LATER,
        "weight decay",
    ),
    "random features trained along": (
        Trial(
            loss=lambda: ForcedLoss({"perceptual": 1.0}, FeatureLoss(frozen=False)),
            optimizer=co_trained,
            align=ONE_OUTPUT,
        ),
        LATER,
        "perceptual network is trained",
    ),
    "all-zero features": (
        Trial(loss=dead_features, align=ONE_OUTPUT),
        LATER,
        "dead perceptual loss",
    ),
    "a term turns into NaN": (
        Trial(loss=lambda: ForcedLoss({"l1": 1.0, "perceptual": 0.1}, TurnsIntoNaN())),
        AT_ONCE,
        "gradients not finite",
    ),
    "inf in a block": (Trial(spoil=inf_in_a_block), AT_ONCE, "gradients not finite"),
    "mean colour × 1000": (
        Trial(
            loss=lambda: ForcedLoss({"l1": 1.0, "perceptual": 1000.0}, MeanColour("verified")),
            align=ONE_OUTPUT,
        ),
        LATER,
        "a term drowns the others",
    ),
    "noise in the last layer, lr 1e-4": (
        Trial({"max_lr": 1e-4, "min_lr": 1e-6}, spoil=noisy_last_layer),
        LATER,
        "initial noise",
    ),
    "shaken by 3 pixels": (Trial(spoil_batch=shaken), LATER, "random misalignment"),
    "flat frames": (Trial(spoil_batch=flat), LATER, "flat frames"),
    "enlarged ground truth": (Trial(spoil_batch=enlarged), LATER, "no detail"),
    "shuffled from step 140 on": (
        Trial(spoil_batch=shuffled, after=140, train={"max_lr": 2e-3}),
        200,
        "shuffled pairs",
    ),
    "aligned branch frozen from its start": (
        Trial(spoil=aligned_branch_frozen, feats=8, blocks=2),
        AT_ONCE,
        "dead aligned branch",
    ),
    "NaN in the aligned branch": (
        Trial(spoil=nan_in_the_aligned_branch, feats=8, blocks=2),
        AT_ONCE,
        "exploding aligned branch",
    ),
    "aligned branch with weights of 30": (
        Trial(spoil=large_aligned_branch),
        LATER,
        "exploding aligned branch",
    ),
    "lr × 100 from step 140 on": (Trial(stepper=Leaping), 180, "learning rate too large"),
}

DIVERGING = {
    "lr 2e-2", "lr 0.1", "a term turns into NaN", "inf in a block", "shuffled from step 140 on",
    "lr × 100 from step 140 on", "NaN in the aligned branch",
}  # fmt: skip

HEALTHY = {
    "sound": Trial(),
    "seed 1": Trial(seed=1),
    "seed 2": Trial(seed=2),
    "other photographs": Trial(footage=lambda: footage(OTHERS)),
    "still clips": Trial(footage=lambda: footage(still=True)),
    "lr 3e-3": Trial({"max_lr": 3e-3}),
    "lr 3e-4": Trial({"max_lr": 3e-4, "min_lr": 3e-6}),
    "lr 1e-4": Trial({"max_lr": 1e-4, "min_lr": 1e-6}),
    "lr 3e-5": Trial({"max_lr": 3e-5, "min_lr": 3e-7, "max_steps": 5000}),
    "to the end of the cosine": Trial({"max_steps": 250}),
    "batch of 2": Trial(batch=2),
    "crop 32": Trial(patch=32, batch=4),
    "8×2": Trial(feats=8, blocks=2),
    "24×4": Trial(feats=24),
    "12×8": Trial(feats=12, blocks=8),
    "multi-scale and gradient terms": Trial(
        loss=lambda: HybridLoss(Loss(ms_weight=0.2, grad_weight=0.2, perceptual_weight=0))
    ),
    "clip 0.01": Trial({"grad_clip": 0.01}),
    "weight decay 0.1": Trial({"weight_decay": 0.1}),
    "random frozen features": Trial(
        loss=lambda: ForcedLoss({"l1": 1.0, "perceptual": 1.0}, FeatureLoss())
    ),
    "random frozen features alone": Trial(
        loss=lambda: ForcedLoss({"perceptual": 1.0}, FeatureLoss())
    ),
    "warm-up 100": Trial({"warmup_steps": 100}),
    "noise in the last layer, lr 5e-3": Trial({"max_lr": 5e-3}, spoil=noisy_last_layer),
}

FAST_FAULTS = (
    "loss × 0",
    "every step skipped",
    "all but one layer frozen",
    "upsampling all zero",
    "lr 0.1",
    "aligned branch frozen from its start",
    "NaN in the aligned branch",
)
FAST_HEALTHY = ("8×2",)


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in FAST_FAULTS else pytest.mark.exhaustive) for n in FAULTS],
)
def test_a_fault_is_found_in_time_with_its_cause_first(name):
    trial, within, cause = FAULTS[name]
    outcome = conduct(trial)
    found = outcome.alarms
    assert found, f"no alarm; the last verdict is {outcome.last}"
    step, judgement = found[0]
    diagnosis = outcome.diagnosis
    second = diagnosis.causes[1].name if len(diagnosis.causes) > 1 else "-"
    print(f"| {name} | {judgement.verdict} | {step} | {diagnosis.causes[0].name} | {second} |")  # noqa: T201 - with -s, the table
    assert step <= within
    assert judgement.verdict == ("diverging" if name in DIVERGING else "stagnating")
    assert diagnosis.causes[0].name == cause, diagnosis.markdown()


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in FAST_HEALTHY else pytest.mark.exhaustive) for n in HEALTHY],
)
def test_a_sound_run_raises_no_alarm(name):
    outcome = conduct(HEALTHY[name])
    verdicts = [judgement.verdict for _, judgement in outcome.judgements]
    _, last = outcome.judgements[-1]
    print(f"| {name} | {last.verdict} | {last.evidence} |")  # noqa: T201 - with -s, the table
    assert not outcome.alarms, outcome.alarms[0]
    for snapshot in outcome.pieces.watch.snapshots:
        assert not has_dead_branch(snapshot)
        assert (snapshot.aligned or 0.0) < DROWNING
    assert verdicts[-1] in ("learning", "converged", "warming up")
