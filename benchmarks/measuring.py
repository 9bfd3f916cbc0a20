"""A clock that waits for the device, this machine's peak, and a VGG16 of made-up weights."""

import time

import torch
import torch.nn.functional as F

from vsr_losses import VGG16
from vsr_settings.memory import vgg_convolutions


def matmul_rate(device, dtype):
    """FLOP/s of a matrix product, by the faster of its two roads through torch.

    A 1×1 convolution is one too, and on some CPUs its library uses wider vectors than BLAS does.
    """
    side = 8192 if device.type == "cuda" else 1024
    a, b = torch.randn(2, side, side, device=device).to(dtype)
    picture, kernels = a.view(1, side, -1, 32), b.view(side, side, 1, 1)
    roads = (lambda: a @ b, lambda: F.conv2d(picture, kernels))
    return 2 * side**3 / min(_least_seconds(road, device) for road in roads)


def _least_seconds(function, device):
    """The best of ten times, or of as many as go into two seconds."""
    times = []
    while len(times) < 10 and sum(times) < 2:
        times.append(_seconds(function, device))
    return min(times)


def _seconds(function, device):
    start = now(device)
    function()
    return now(device) - start


def now(device):
    """Return the time in seconds after all that the device was asked to do."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def made_up_vgg16():
    """VGG16 of random values, scaled so that activations keep their size from layer to layer."""
    generator = torch.Generator().manual_seed(0)
    weights = {}
    for index, inputs, outputs in vgg_convolutions():
        noise = torch.randn(outputs, inputs, 3, 3, generator=generator)
        weights[f"features.{index}.weight"] = noise * (2 / (9 * inputs)) ** 0.5
        weights[f"features.{index}.bias"] = torch.zeros(outputs)
    return VGG16(weights, "made for the benchmark")
