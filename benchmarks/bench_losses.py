"""Time of each loss term, forward and backward, and of each metric."""

import pytest
import torch
from measuring import made_up_vgg16, now
from plain import plain_distance

from vsr_losses import PerceptualLoss, luma, psnr, ssim
from vsr_losses.terms import gradient, l1, multi_scale


@pytest.fixture
def pair(device):
    side = 540 if device.type == "cuda" else 96
    generator = torch.Generator().manual_seed(1)
    sr, gt = torch.rand(2, 2, 3, side, side, generator=generator).to(device)
    return sr.requires_grad_(), gt


@pytest.mark.benchmark(group="losses")
@pytest.mark.parametrize("term", [l1, multi_scale, gradient], ids=lambda term: term.__name__)
def bench_pixel_term(benchmark, term, pair, device):
    assert term(pair[1], pair[1]) == 0
    time_backward(benchmark, lambda: term(*pair), device)


@pytest.mark.benchmark(group="losses")
def bench_perceptual(benchmark, pair, device):
    loss = PerceptualLoss(made_up_vgg16()).to(device)
    sr, gt = pair
    ours, plain = loss(sr, gt), plain_distance(loss.vgg, sr, gt)
    torch.testing.assert_close(ours, plain, rtol=1e-4, atol=0)
    gradients = [torch.autograd.grad(value, sr)[0].flatten() for value in (ours, plain)]
    assert torch.cosine_similarity(*gradients, dim=0) > 0.999
    time_backward(benchmark, lambda: loss(sr, gt), device)


@pytest.mark.benchmark(group="losses")
def bench_perceptual_plain(benchmark, pair, device):
    vgg = made_up_vgg16().to(device)
    time_backward(benchmark, lambda: plain_distance(vgg, *pair), device)


def time_backward(benchmark, term, device):
    def forward_and_backward():
        term().backward()
        now(device)

    benchmark.pedantic(forward_and_backward, rounds=5, warmup_rounds=1)
    benchmark.extra_info["device"] = device.type


METRICS = {
    "psnr": psnr,
    "psnr_y": lambda sr, gt: psnr(luma(sr), luma(gt)),
    "ssim": ssim,
}


@pytest.mark.benchmark(group="validation")
@pytest.mark.parametrize("name", METRICS)
@torch.no_grad()
def bench_metric(benchmark, name, pair, device):
    sr, gt = pair[0].detach(), pair[1]
    assert METRICS[name](gt, gt) > METRICS[name](sr, gt)

    def measure():
        METRICS[name](sr, gt)
        now(device)

    benchmark.pedantic(measure, rounds=10, warmup_rounds=1)
    benchmark.extra_info["device"] = device.type
