"""Laws of the optimiser step: accumulation is exact, a skipped step leaves no trace."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import avg_pool2d, interpolate
from torch.utils._python_dispatch import TorchDispatchMode

from vsr_device import Platform
from vsr_losses import HybridLoss, LossTerms
from vsr_model import Network
from vsr_settings import Loss, Model, Train
from vsr_train.step import Schedule, Stepper, TrainingState, WeightAverage, make_optimizer

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


def panned(samples, seed=1):
    """Pictures that move by a third of a pixel and two a frame: neighbours have much to show."""
    generator = torch.Generator().manual_seed(seed)
    waves = torch.rand(samples, 3, 16, 16, generator=generator)
    wide = interpolate(waves, size=(80, 80), mode="bicubic").clamp(0, 1) * 255
    views = [wide[..., t : t + 72, 2 * t : 2 * t + 72] for t in range(5)]
    lq = torch.stack([avg_pool2d(view, 3) for view in views], 1)
    return tuple(part.round().to(torch.uint8) for part in (lq, views[2]))


def standing(samples):
    """The same pictures without any motion."""
    lq, gt = panned(samples)
    return lq[:, 2:3].expand_as(lq), gt


def parts_of(batch, parts):
    return list(zip(*(half.chunk(parts) for half in batch), strict=True))


class _Float64Loss(HybridLoss):
    """Casts both sides, so that a float64 network meets uint8 pixels without rounding."""

    def forward(self, sr, gt, plain=None):
        return super().forward(sr, gt.double(), plain)


@pytest.mark.parametrize("parts", [2, 4, 16])
def test_four_times_four_equals_one_batch_of_sixteen_in_float64(parts):
    """Gradients, not weights: Adam divides by tiny ones and would hide or blow up a difference."""
    batch, gradients = panned(16), []
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


def is_of_trunk(name):
    return not name.startswith(("align.", "upsample."))


@pytest.mark.parametrize("perceptual", [0.0, 0.5])
def test_a_step_trains_both_outputs_and_what_is_before_them_by_the_plain_one_alone(perceptual):
    network, (lq, gt) = network_of(), panned(2)
    pixels = Loss(ms_weight=0.2, grad_weight=0.1, perceptual_weight=0)
    loss = HybridLoss(pixels)
    if perceptual:
        loss.weights["perceptual"] = perceptual
        loss.perceptual = _BrighterThan()
    result = stepper_of(network, loss=loss).step([(lq, gt)], 0.0)
    sr, plain = network(lq / 255, with_plain=True)
    terms = dict(zip(LossTerms._fields, result.terms.tolist(), strict=True))
    own, beside = loss(sr, gt / 255).total, HybridLoss(pixels)(plain, gt / 255).total
    assert terms["plain"] == pytest.approx(float(beside))
    assert terms["total"] == pytest.approx(float(own + beside))
    assert float(own) != float(beside)
    named = dict(network.named_parameters())
    expected = torch.autograd.grad(beside, list(named.values()), allow_unused=True)
    for (name, parameter), gradient in zip(named.items(), expected, strict=True):
        if is_of_trunk(name):
            torch.testing.assert_close(parameter.grad, gradient, msg=name)
        elif name.startswith("align."):
            assert gradient is None
            assert parameter.grad.any(), name
        else:
            assert not torch.allclose(parameter.grad, gradient), name


class _BrighterThan(torch.nn.Module):
    """A perceptual term, without VGG16."""

    def forward(self, sr, gt):
        return (sr - gt).square().mean()


def test_without_alignment_there_is_one_output_and_nothing_is_counted_twice():
    torch.manual_seed(0)
    network = Network(Model(n_feats=4, n_blocks=2, align="none"))
    result = stepper_of(network).step([panned(2)], 1e-3)
    terms = dict(zip(LossTerms._fields, result.terms.tolist(), strict=True))
    assert terms["plain"] == 0
    parts = terms["l1"] + 0.2 * terms["ms"] + 0.1 * terms["grad"]
    assert terms["total"] == pytest.approx(parts)


def test_where_footage_stands_still_every_parameter_has_a_gradient_the_branch_s_of_zeros():
    """DistributedDataParallel waits for each of them."""
    network = network_of()
    stepper_of(network).step([standing(2)], 1e-3)
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.any()) == (not name.startswith("align.")), name


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


class _Fetches(TorchDispatchMode):
    """Counts what makes the host wait for a device."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("amp_dtype", [None, torch.bfloat16, torch.float16])
def test_a_step_fetches_nothing_from_the_device_in_any_precision(amp_dtype):
    platform = Platform(torch.device("cpu"), amp_dtype, torch.contiguous_format)
    network, scaler = network_of(), platform.grad_scaler()
    stepper = stepper_of(network, scaler=scaler, platform=platform, clip=1.0)
    average, withheld = WeightAverage(network, 0.9), torch.tensor(0)
    schedule, rate = Schedule(Train(warmup_steps=0)), None
    for step in range(3):
        with _Fetches() as fetches:
            rate = schedule.rate(step, withheld)
            result = stepper.step([batch_of(2)], 1e-3)  # a tensor would be fetched on the CPU
            average.update(network, result.withheld)
            withheld = withheld + result.withheld.long()
        assert fetches.count == (step == 0)  # the table of rates begins
    assert rate is not None


def test_a_learning_rate_on_the_device_is_the_number_and_is_not_kept():
    networks = [network_of(), network_of()]
    for network, lr in zip(networks, (2e-3, torch.tensor(2e-3, dtype=torch.float64)), strict=True):
        stepper = stepper_of(network)
        stepper.step([batch_of(2)], lr)
        assert stepper._optimizer.param_groups[0]["lr"] == Train().max_lr
    for one, other in zip(*(network.parameters() for network in networks), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("amp_dtype", [None, torch.float16])
def test_a_step_that_is_not_finite_moves_neither_weights_nor_average_nor_schedule(amp_dtype):
    platform = Platform(torch.device("cpu"), amp_dtype, torch.contiguous_format)
    network = network_of()
    state = TrainingState(
        network,
        WeightAverage(network, 0.5),
        make_optimizer(network, Train()),
        platform.grad_scaler(),
    )
    loss = _SometimesInfinite(Loss(perceptual_weight=0))
    stepper = Stepper(network, loss, state.optimizer, state.scaler, platform, grad_clip=1.0)
    for fate in (False, True, False):
        loss.infinite = fate
        before = [p.clone() for p in (*network.parameters(), *state.average.network.parameters())]
        state.count(stepper.step([batch_of(2)], 1e-3))
        after = [*network.parameters(), *state.average.network.parameters()]
        assert all(map(torch.equal, before, after)) == fate
    assert (state.step, state.skipped, state.average.updates) == (3, 1, 2)


class _SometimesInfinite(HybridLoss):
    infinite = False

    def forward(self, sr, gt, plain=None):
        terms = super().forward(sr, gt, plain)
        return terms._replace(total=terms.total * float("inf")) if self.infinite else terms


class _Huge(HybridLoss):
    def forward(self, sr, gt, plain=None):
        terms = super().forward(sr, gt, plain)
        return terms._replace(total=terms.total * 1e30)


def test_a_gradient_whose_norm_overflows_is_withheld():
    """Each of its numbers is finite, and their squares are not."""
    network = network_of()
    stepper = stepper_of(network, clip=1.0, loss=_Huge(Loss(perceptual_weight=0)))
    before = [parameter.clone() for parameter in network.parameters()]
    result = stepper.step([batch_of(2)], 1e-3)
    assert result.grad_norm.isinf()
    assert result.withheld
    assert all(map(torch.equal, before, network.parameters()))


def test_a_step_in_fp16_is_close_to_one_in_fp32():
    platform = Platform(torch.device("cpu"), torch.float16, torch.contiguous_format)
    scaler = torch.GradScaler("cpu", init_scale=2.0**10)
    half = stepper_of(network_of(), scaler=scaler, platform=platform).step([batch_of(2)], 1e-3)
    full = stepper_of(network_of()).step([batch_of(2)], 1e-3)
    assert not half.withheld
    torch.testing.assert_close(half.grad_norm, full.grad_norm, rtol=0.02, atol=0)
    torch.testing.assert_close(half.terms, full.terms, rtol=0.01, atol=1e-3)


def test_a_step_moves_the_weights_by_its_learning_rate():
    """Adam's first step is as long as the learning rate, and weight decay a share of it."""
    moves = []
    for lr in (1e-3, 2e-3):
        network = network_of()
        before = [parameter.detach().clone() for parameter in network.parameters()]
        stepper_of(network).step([panned(2)], lr)
        after = zip(before, network.parameters(), strict=True)
        moves.append(torch.cat([(new - old).detach().flatten() for old, new in after]))
    assert moves[0].abs().median() == pytest.approx(1e-3, rel=0.01)
    torch.testing.assert_close(moves[1], 2 * moves[0], rtol=1e-3, atol=1e-6)


def test_a_step_forgets_the_gradient_of_the_one_before():
    network, alone = network_of(), network_of()
    stepper = stepper_of(network)
    stepper.step([batch_of(2, seed=5)], 0.0)
    stepper.step([batch_of(2)], 0.0)
    stepper_of(alone).step([batch_of(2)], 0.0)
    for one, other in zip(network.parameters(), alone.parameters(), strict=True):
        assert torch.equal(one.grad, other.grad)


def test_pixels_of_0_to_255_become_0_to_1():
    unit = CPU.to_unit(torch.arange(256, dtype=torch.uint8))
    torch.testing.assert_close(unit, torch.linspace(0, 1, 256))


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
