"""Laws of the optimiser step: accumulation is exact, a skipped step leaves no trace."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vsr_device import Platform
from vsr_losses import HybridLoss
from vsr_model import Network
from vsr_settings import Loss, Model, Train
from vsr_train.step import Stepper, WeightAverage, make_optimizer

CPU = Platform(torch.device("cpu"), None, torch.contiguous_format)


def network_of(seed=0):
    torch.manual_seed(seed)
    network = Network(Model(n_feats=4, n_blocks=2))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return network


def stepper_of(network, *, clip=0.0, scaler=None, platform=CPU, loss=None):
    loss = loss or HybridLoss(Loss(ms_weight=0.2, grad_weight=0.1, perceptual_weight=0))
    scaler = scaler or torch.GradScaler("cpu", enabled=False)
    optimizer = make_optimizer(network, Train())
    return Stepper(network, loss, optimizer, scaler, platform, grad_clip=clip)


def batch_of(samples, seed=1):
    generator = torch.Generator().manual_seed(seed)
    lq = torch.randint(0, 256, (samples, 5, 3, 8, 8), generator=generator, dtype=torch.uint8)
    gt = torch.randint(0, 256, (samples, 3, 24, 24), generator=generator, dtype=torch.uint8)
    return lq, gt


def parts_of(batch, parts):
    return list(zip(*(half.chunk(parts) for half in batch), strict=True))


class _Float64Loss(HybridLoss):
    """Casts both sides, so that a float64 network meets uint8 pixels without rounding."""

    def forward(self, sr, gt):
        return super().forward(sr, gt.double())


@pytest.mark.parametrize("parts", [2, 4, 16])
def test_four_times_four_equals_one_batch_of_sixteen_in_float64(parts):
    """Gradients, not weights: Adam divides by tiny ones and would hide or blow up a difference."""
    batch, gradients = batch_of(16), []
    for count in (1, parts):
        network = network_of().double()
        loss = _Float64Loss(Loss(ms_weight=0.3, grad_weight=0.2, perceptual_weight=0))
        stepper = stepper_of(network, loss=loss)
        network.register_forward_pre_hook(lambda module, inputs: (inputs[0].double(),))
        stepper.step(parts_of(batch, count), 1e-3)
        gradients.append([parameter.grad for parameter in network.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def test_terms_are_averaged_over_micro_batches():
    batch = batch_of(4)
    whole = stepper_of(network_of()).step([batch], 1e-3)
    parts = stepper_of(network_of()).step(parts_of(batch, 4), 1e-3)
    torch.testing.assert_close(whole.terms, parts.terms)
    torch.testing.assert_close(whole.grad_norm, parts.grad_norm)


@given(clip=st.floats(1e-4, 10))
def test_the_gradient_is_clipped_to_its_limit_and_reported_unclipped(clip):
    network = network_of()
    result = stepper_of(network, clip=clip).step([batch_of(2)], 1e-3)
    norm = torch.stack([p.grad.norm() for p in network.parameters()]).norm()
    assert norm <= clip * 1.001
    free = stepper_of(network_of()).step([batch_of(2)], 1e-3)
    torch.testing.assert_close(result.grad_norm, free.grad_norm)


def test_a_skipped_step_leaves_the_weights_untouched_and_halves_the_scale():
    platform = Platform(torch.device("cpu"), torch.float16, torch.contiguous_format)
    network, scaler = network_of(), torch.GradScaler("cpu", init_scale=2.0**40)
    before = [parameter.clone() for parameter in network.parameters()]
    stepper = stepper_of(network, scaler=scaler, platform=platform, clip=1.0)
    result = stepper.step([batch_of(2)], 1e-3)
    assert result.withheld
    assert scaler.get_scale() == 2.0**39
    for old, new in zip(before, network.parameters(), strict=True):
        assert torch.equal(old, new)


def test_a_step_in_fp16_is_close_to_one_in_fp32():
    platform = Platform(torch.device("cpu"), torch.float16, torch.contiguous_format)
    scaler = torch.GradScaler("cpu", init_scale=2.0**10)
    half = stepper_of(network_of(), scaler=scaler, platform=platform).step([batch_of(2)], 1e-3)
    full = stepper_of(network_of()).step([batch_of(2)], 1e-3)
    assert not half.withheld
    torch.testing.assert_close(half.grad_norm, full.grad_norm, rtol=0.02, atol=0)
    torch.testing.assert_close(half.terms, full.terms, rtol=0.01, atol=1e-3)


@given(decay=st.floats(0, 0.999), updates=st.integers(1, 60))
def test_the_average_stays_between_the_extremes_and_ends_at_rest_on_the_weights(decay, updates):
    network = network_of()
    average = WeightAverage(network, decay)
    start = next(iter(average.network.parameters())).clone()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1)
    for _ in range(updates):
        average.update(network)
    moved = next(iter(average.network.parameters())) - start
    assert (moved >= 0).all()
    assert (moved <= 1 + 1e-5).all()
    kept = torch.prod(torch.tensor([min(decay, n / (n + 10)) for n in range(1, updates + 1)]))
    torch.testing.assert_close(moved, torch.ones_like(moved) * (1 - kept), rtol=1e-4, atol=1e-5)
