"""Laws of the perceptual loss: frozen, equal to its formula at any chunk, unhurt by autocast."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from live_bytes import LiveBytes
from losses.vgg_files import CHANNELS, made_up_weights

from vsr_losses import VGG16, PerceptualLoss

PREFIXES = (4, 9, 16, 23)
IMAGENET_MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
IMAGENET_STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def plain_distance(weights, sr, gt):
    """The formula from the pixels: four prefixes of VGG16, none sharing work with another."""

    def prefix(rgb, stop):
        x = (rgb - IMAGENET_MEAN) / IMAGENET_STD
        for index in range(stop):
            if index in CHANNELS:
                w, b = weights[f"features.{index}.weight"], weights[f"features.{index}.bias"]
                x = F.relu(F.conv2d(x, w.to(rgb), b.to(rgb), padding=1))
            elif index in (4, 9, 16):
                x = F.max_pool2d(x, 2)
        return x

    return sum((prefix(sr, stop) - prefix(gt, stop)).abs().mean() for stop in PREFIXES) / 4


@pytest.fixture(scope="module")
def pair():
    generator = torch.Generator().manual_seed(1)
    return torch.rand(2, 3, 3, 17, 20, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("chunk", [1, 2, 3, 7])
def test_every_chunk_size_gives_the_plain_loss_and_gradient_in_float64(pair, chunk):
    weights = made_up_weights()
    loss = PerceptualLoss(VGG16(weights, "made up"), chunk).double()
    results = []
    for distance in (loss, lambda sr, gt: plain_distance(weights, sr, gt)):
        sr = pair[0].clone().requires_grad_()
        value = distance(sr, pair[1])
        results.append((value, *torch.autograd.grad(value * 3, sr)))
    torch.testing.assert_close(*results, rtol=1e-10, atol=1e-12)
    assert results[0][0] > 0


def test_it_is_frozen_and_in_eval_mode_and_stays_so_after_train(vgg):
    loss = PerceptualLoss(vgg)
    before = {name: tensor.clone() for name, tensor in loss.state_dict().items()}
    loss.train()
    assert not any(module.training for module in loss.vgg.modules())
    assert not any(parameter.requires_grad for parameter in loss.parameters())
    sr = torch.rand(1, 3, 16, 16, requires_grad=True)
    loss(sr, torch.rand(1, 3, 16, 16)).backward()
    assert sr.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in loss.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in loss.state_dict().items())


def test_the_file_weights_are_the_ones_in_use(vgg):
    for name, tensor in made_up_weights().items():
        assert torch.equal(vgg.state_dict()[name], tensor)


def test_taps_are_after_their_activation_whatever_runs_deeper(vgg):
    taps = vgg(torch.rand(1, 3, 24, 16))
    assert [tuple(tap.shape) for tap in taps] == [
        (1, 64, 24, 16),
        (1, 128, 12, 8),
        (1, 256, 6, 4),
        (1, 512, 3, 2),
    ]
    assert all(tap.min() >= 0 and tap.max() > 0 for tap in taps)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_autocast_around_it_changes_nothing(vgg, dtype):
    loss = PerceptualLoss(vgg)
    sr, gt = torch.rand(2, 2, 3, 16, 16)
    gradients = []
    for enabled in (False, True):
        prediction = sr.clone().requires_grad_()
        with torch.autocast("cpu", dtype=dtype, enabled=enabled):
            value = loss(prediction, gt)
        gradients.append(torch.autograd.grad(value, prediction)[0])
    assert torch.equal(*gradients)


@given(scale=st.floats(2.0**-10, 2.0**16))
def test_a_gradient_scale_goes_straight_through(vgg_module, scale):
    """GradScaler multiplies the total: the kept gradient must be multiplied, not computed anew."""
    generator = torch.Generator().manual_seed(2)
    sr, gt = torch.rand(2, 1, 3, 8, 8, generator=generator)
    plain, scaled = sr.clone().requires_grad_(), sr.clone().requires_grad_()
    vgg_module(plain, gt).backward()
    (vgg_module(scaled, gt) * scale).backward()
    torch.testing.assert_close(scaled.grad, plain.grad * scale, rtol=1e-5, atol=0)


@pytest.fixture(scope="module")
def vgg_module():
    return PerceptualLoss(VGG16(made_up_weights(), "made up"))


def test_without_gradients_it_measures_and_keeps_nothing(vgg_module):
    sr, gt = torch.rand(2, 1, 3, 8, 8)
    with torch.no_grad():
        value = vgg_module(sr, gt)
    assert value > 0
    assert not value.requires_grad
    assert vgg_module(sr, sr) == 0


def test_equal_pictures_have_a_gradient_of_nothing(vgg_module):
    sr = torch.rand(1, 3, 8, 8, requires_grad=True)
    vgg_module(sr, sr.detach().clone()).backward()
    assert not sr.grad.any()


@pytest.mark.parametrize(("samples", "chunk"), [(1, 1), (2, 1), (4, 1), (3, 2), (4, 2)])
def test_only_a_chunk_of_activations_is_alive_at_once_and_only_the_gradient_after(samples, chunk):
    """At most three and a half of relu1_2's activations a sample, which no layout of two pictures
    with masks of a byte exceeds; afterwards one tensor the size of the prediction, and the value.
    """
    loss = PerceptualLoss(VGG16(made_up_weights(), "made up"), chunk)
    sr, gt = torch.rand(2, samples, 3, 16, 16)
    widest = 64 * 16 * 16 * 4
    sr.requires_grad_()
    with LiveBytes() as live:
        value = loss(sr, gt)
    assert live.now == sr.nbytes + value.nbytes
    assert live.peak - sr.nbytes <= chunk * 3.5 * widest + 256
    with LiveBytes() as live:
        value.backward()
    assert live.peak <= sr.nbytes + 256


def test_a_nan_in_a_sample_is_a_nan_in_the_loss(vgg_module):
    sr = torch.rand(2, 3, 8, 8)
    sr[1, 0, 0, 0] = float("nan")
    assert vgg_module(sr, torch.rand(2, 3, 8, 8)).isnan()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_sample_that_is_not_finite_has_no_finite_gradient_and_the_others_have(vgg_module, value):
    """Its signs and masks are bytes, which hold no NaN: a scaler must still see the bad step."""
    sr = torch.rand(2, 3, 8, 8)
    sr[1, 0, 0, 0] = value
    sr.requires_grad_()
    vgg_module(sr, torch.rand(2, 3, 8, 8)).backward()
    assert sr.grad[0].isfinite().all()
    assert sr.grad[1].isnan().all()


def test_flat_pictures_whose_activations_all_tie_have_the_plain_gradient():
    weights = made_up_weights()
    loss = PerceptualLoss(VGG16(weights, "made up")).double()
    gt = torch.rand(1, 3, 16, 16, dtype=torch.float64)
    ours, plain = (torch.full_like(gt, 0.5, requires_grad=True) for _ in range(2))
    loss(ours, gt).backward()
    plain_distance(weights, plain, gt).backward()
    torch.testing.assert_close(ours.grad, plain.grad, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(("sr", "gt"), [((1, 3, 7, 9), (1, 3, 7, 9)), ((1, 3, 9, 9), (2, 3, 9, 9))])
def test_pictures_it_cannot_compare_are_refused(vgg_module, sr, gt):
    with pytest.raises(ValueError, match="two equal batches"):
        vgg_module(torch.rand(sr), torch.rand(gt))


def test_a_chunk_of_nothing_is_refused(vgg):
    with pytest.raises(ValueError, match="chunk is 0"):
        PerceptualLoss(vgg, 0)
