"""Laws of a step on a card: its answer, its memory, and that it waits for nothing."""

import pytest
import torch
from card.memory import compared
from card.runs import MadeRun, answering_weights
from card.shares import waits
from plain import PLAIN

from vsr_model import gather_evidence
from vsr_settings import predict

TOLERANCE = {"fp32": 2e-3, "fp16": 2e-2, "bf16": 1e-1}
"""Largest relative difference of the loss and of the gradient's norm."""


def small_network(place):
    return next(iter(place.sizes.networks.values()))


@pytest.mark.parametrize("precision", TOLERANCE)
def test_a_step_has_the_loss_and_the_gradient_of_the_plain_formulation(place, precision):
    """A step has the loss and the gradient's norm of the plain formulation."""
    if not place.has_natively(precision):
        pytest.skip("this precision is emulated here")
    model = small_network(place)
    settings = place.settings(model, precision)
    less = {"data": settings.data.model_copy(update={"patch": min(64, settings.data.patch)})}
    less["train"] = settings.train.model_copy(
        update={"batch_size": 1}
    )  # what plain takes fits 8 GB
    settings = settings.model_copy(update=less)
    platform, weights = place.platform(settings), answering_weights(model)
    with platform.exact():  # no TF32
        ours, plain = (
            MadeRun(settings, platform, weights=weights, micro_batches=1, **given).step()
            for given in ({}, {"formulation": PLAIN})
        )
    minimised = [0, 3, 4, 5]
    for mine, theirs in (
        (ours.terms[minimised], plain.terms[minimised]),
        (ours.grad_norm, plain.grad_norm),
    ):
        torch.testing.assert_close(mine, theirs, rtol=TOLERANCE[precision], atol=1e-6)


@pytest.mark.parametrize(("precision", "recompute"), [("fp16", "none"), ("fp32", "blocks")])
def test_a_step_reserves_no_more_than_predicted(place, precision, recompute):
    """A step in a run's middle reserves no more than is predicted, and on a card no tenth less."""
    precision = precision if place.is_card else "fp32"
    settings = place.settings(small_network(place), precision, recompute=recompute)
    with place.taken() as taken:
        run = MadeRun(settings, place.platform(settings))
        run.step()
        taken.settle()  # cuDNN has tried its kernels
        for _ in range(2):
            run.step()
    row = compared(predict(settings), taken)
    assert 0 < row["allocated_mib"] <= row["reserved_mib"]
    assert row["over"] >= 0
    assert row["holds"] or not place.is_card  # a toy's workspace is most of its prediction


def test_a_step_waits_for_nothing_on_the_device(place):
    """A step waits for nothing that the device has yet to do, in fp16 with GradScaler too."""
    for precision in ("fp32", "fp16") if place.is_card else ("fp32",):
        found = waits(place, small_network(place), precision)
        assert found["waits"] == 0 or not place.is_card, found


def test_a_step_that_is_not_finite_changes_no_weight(place):
    """A step whose gradient is not finite changes no weight, and is counted."""
    settings = place.settings(small_network(place), "fp32", perceptual=False)
    run = MadeRun(settings, place.platform(settings), weights=answering_weights(settings.model))
    before = {name: each.clone() for name, each in run.state.network.state_dict().items()}
    spoil = torch.tensor(torch.nan)
    run.loss.register_forward_hook(lambda *its: its[2]._replace(total=its[2].total * spoil))
    run.step(1e-2)
    after = run.state.network.state_dict()
    assert run.state.skipped == 1
    assert all(torch.equal(each, after[name]) for name, each in before.items())


def test_a_card_gathers_the_evidence_that_the_cpu_does(place):
    """Confidence and evidence of neighbours are those that the CPU finds."""
    torch.manual_seed(3)
    frames = torch.rand(1, 1, 3, 40, 40).expand(-1, 5, -1, -1, -1).clone()
    for t in range(5):
        frames[0, t] = frames[0, 0].roll((t, -t), (1, 2))
    theirs = gather_evidence(frames, 3)
    ours = gather_evidence(frames.to(place.device), 3)
    for mine, other in zip(ours, theirs, strict=True):
        close = torch.isclose(mine.cpu(), other, rtol=1e-3, atol=1e-3)
        assert close.float().mean() > 0.99  # a match that is even may fall either way
