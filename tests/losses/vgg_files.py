"""Small VGG16 files for tests: the right shapes, made-up values that look trained."""

import hashlib

import torch

from vsr_settings.memory import vgg_convolutions

CHANNELS = {index: outputs for index, _, outputs in vgg_convolutions()}
"""Output channels of VGG16's convolutions up to relu4_3, by their index."""


def made_up_weights(seed=0, scale=1.0):
    """Random kernels, smoothed as trained ones are, with biases; not VGG16's values."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for index, inputs, outputs in vgg_convolutions():
        kernels = torch.randn(outputs, inputs, 3, 3, generator=generator)
        kernels = kernels + kernels.mean((-1, -2), keepdim=True) * 3
        kernels *= scale / (4.0 * inputs**0.5)
        weights[f"features.{index}.weight"] = kernels
        weights[f"features.{index}.bias"] = torch.randn(outputs, generator=generator) / 10
    return weights


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
