"""Small VGG16 files for tests: the right shapes, made-up values that look trained."""

import hashlib

import torch

CHANNELS = {0: 64, 2: 64, 5: 128, 7: 128, 10: 256, 12: 256, 14: 256, 17: 512, 19: 512, 21: 512}
"""Output channels of VGG16's convolutions up to relu4_3, from the paper's table 1, column D."""


def made_up_weights(seed=0, scale=1.0):
    """Random kernels, smoothed as trained ones are, with biases; not VGG16's values."""
    generator = torch.Generator().manual_seed(seed)
    weights, inputs = {}, 3
    for index, outputs in CHANNELS.items():
        kernels = torch.randn(outputs, inputs, 3, 3, generator=generator)
        kernels = kernels + kernels.mean((-1, -2), keepdim=True) * 3
        kernels *= scale / (4.0 * inputs**0.5)
        weights[f"features.{index}.weight"] = kernels
        weights[f"features.{index}.bias"] = torch.randn(outputs, generator=generator) / 10
        inputs = outputs
    return weights


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
