"""Windows whose motion is known, and what may be known of their neighbours."""

import math

import torch

DRIFT = (0.37, -0.61)
"""Pixels a frame, x before y: between pixels, for as many frames as a window has."""

_WAVES = 60
_FINEST = 0.25  # cycles a pixel; half the rate at which they could no longer be told apart
_OCTAVES = 5


def moving_window(n_frames, height, width, motion=DRIFT, *, seed=0):
    """Waves of all directions that move by so many pixels a frame, 1TCHW of [0, 1], float64.

    Each octave has as many, as in photographs. They are evaluated where each pixel is, so that
    nothing is interpolated nor cut off.
    """
    generator = torch.Generator().manual_seed(seed)
    waves = torch.rand(_WAVES, 3, generator=generator, dtype=torch.float64)
    colours = torch.randn(3, _WAVES, generator=generator, dtype=torch.float64)
    length, angle, phase = waves.unbind(1)
    direction = torch.stack([(2 * math.pi * angle).cos(), (2 * math.pi * angle).sin()], dim=1)
    frequency = _FINEST * 2 ** (-_OCTAVES * length[:, None]) * direction
    y, x = torch.meshgrid(
        torch.arange(height).double(), torch.arange(width).double(), indexing="ij"
    )
    frames = []
    for number in range(n_frames):
        time = number - n_frames // 2
        places = torch.stack([x - motion[0] * time, y - motion[1] * time])
        turns = torch.einsum("ka,ahw->khw", frequency, places) + phase[:, None, None]
        frames.append(torch.einsum("ck,khw->chw", colours, (2 * math.pi * turns).sin()))
    contrast = 0.15 / (_WAVES / 2) ** 0.5
    return (0.5 + contrast * torch.stack(frames)).clamp(0, 1)[None]


def moving_windows(count, *size, **options):
    """As many windows, each of its own waves."""
    return torch.cat([moving_window(*size, seed=seed, **options) for seed in range(count)])


def any_known(samples, scale, height, width):
    """Random confidence and evidence, float64: no part of either is without effect."""
    confidence = torch.rand(samples, 1, height, width, dtype=torch.float64)
    evidence = torch.randn(samples, 7 * scale**2 + 1, height, width, dtype=torch.float64)
    return confidence, evidence
