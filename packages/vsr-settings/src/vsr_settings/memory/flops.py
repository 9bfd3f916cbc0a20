"""How much a training step computes and moves, in closed form, and how fast a card could do it.

A multiplication and an addition are two operations, as torch counts them. The time is a roofline: a
bound that no implementation can beat, not a measurement.
"""

from dataclasses import dataclass
from itertools import pairwise

from vsr_settings.card import card
from vsr_settings.hardware.presets import HardwarePreset, Precision
from vsr_settings.memory.sizes import (
    ALIGNED_BLOCKS,
    FP32,
    SEGMENT_BLOCKS,
    VGG_CHANNELS,
    Sizes,
    evidence_channels,
    sizes_of,
)
from vsr_settings.precision import precision
from vsr_settings.schema import Model, Settings

_GIGA = 1e9
_TERA = 1e12


@dataclass(frozen=True)
class Work:
    """Operations and bytes of a forward and backward pass over one sample."""

    network: float
    """Operations of the network, without what is recomputed."""
    recomputed: float
    """Operations of the network that backward does again."""
    perceptual: float
    """Operations of VGG16: both pictures on the way forward, one on the way back."""
    network_bytes: float
    """Least traffic of the network: what each convolution must read and write."""
    perceptual_bytes: float
    """Least traffic of VGG16."""

    @property
    def total(self) -> float:
        """All operations."""
        return self.network + self.recomputed + self.perceptual

    @property
    def extra(self) -> float:
        """What recomputation adds, as a share of the rest."""
        return self.recomputed / (self.network + self.perceptual)


def work_per_sample(settings: Settings) -> Work:
    """What a training step does for each sample; `recompute = "auto"` counts as `none`."""
    sizes = sizes_of(settings)
    return Work(
        network=_network(settings, sizes),
        recomputed=_recomputed(settings, sizes),
        perceptual=3 * _vgg(sizes.side) if settings.loss.perceptual_weight > 0 else 0,
        network_bytes=_network_bytes(sizes),
        perceptual_bytes=_vgg_bytes(sizes.side) if settings.loss.perceptual_weight > 0 else 0,
    )


def seconds_per_step(settings: Settings) -> float | None:
    """The least time of an optimiser step on one card, in seconds; None where rates are unknown.

    For the network and for VGG16 each, the longer of computing at the precision's rate and moving
    bytes at the card's bandwidth.
    """
    planned, work = card(settings.hardware), work_per_sample(settings)
    samples = settings.train.batch_size * settings.train.accumulation_steps
    network = _bound(
        planned, precision(settings), work.network + work.recomputed, work.network_bytes
    )
    perceptual = _bound(planned, "fp32", work.perceptual, work.perceptual_bytes)
    if network is None or perceptual is None:
        return None
    return samples * (network + perceptual)


def _bound(
    planned: HardwarePreset, kept: Precision, operations: float, traffic: float
) -> float | None:
    rate, bandwidth = planned.tflops(kept), planned.bandwidth_gbs
    if rate is None or bandwidth is None:
        return None
    return max(operations / (rate * _TERA), traffic / (bandwidth * _GIGA))


def _network(settings: Settings, sizes: Sizes) -> float:
    """Forward, gradient of the input and gradient of the weights: three times a convolution."""
    feats, pixels, walks = settings.model.n_feats, settings.data.patch**2, sizes.frames - 1
    block = 2 * _convolution(feats, feats, 9)
    at_low = (walks + 1) * _convolution(2 * feats, feats, 1) + walks * sizes.depth * block
    extract = sizes.frames * _convolution(3, feats, 9)
    # neither the window nor what is gathered of it needs a gradient
    learned = pixels * (3 * (at_low + _upsampler(settings)) + 2 * extract)
    if settings.model.align == "none":
        return learned
    aligned = 2 * _evidence(settings.model) + 3 * _aligned_blocks(settings.model)
    # both what neighbours are added to and what they are not are enlarged
    return learned + pixels * (aligned + 3 * _upsampler(settings))


def _evidence(model: Model) -> float:
    """The convolution of what neighbours show; gathering it has none."""
    return _convolution(evidence_channels(model.scale), model.n_feats, 9)


def _aligned_blocks(model: Model) -> float:
    feats = model.n_feats
    return 2 * ALIGNED_BLOCKS * _convolution(feats, feats, 9) + _convolution(feats, feats, 1)


def _upsampler(settings: Settings) -> float:
    """The upsampler's forward pass, by low-resolution pixel."""
    feats, area = settings.model.n_feats, settings.model.scale**2
    return _convolution(feats, feats * area, 9) + area * _convolution(feats, 3, 9)


def _recomputed(settings: Settings, sizes: Sizes) -> float:
    """A stretch of blocks is computed again but for its last convolution, as is the upsampler.

    What is made of evidence is computed again whole: its last operation keeps the confidence.
    """
    feats, pixels, walks = settings.model.n_feats, settings.data.patch**2, sizes.frames - 1
    if settings.model.recompute in ("none", "auto"):
        return 0
    by_blocks = settings.model.recompute == "blocks"
    kept = sizes.depth if by_blocks else -(-sizes.depth // SEGMENT_BLOCKS)
    again = walks * (2 * sizes.depth - kept) * _convolution(feats, feats, 9)
    widening = _convolution(feats, feats * settings.model.scale**2, 9)
    if settings.model.align == "none":
        return pixels * (again + widening)
    aligned = _evidence(settings.model) + _aligned_blocks(settings.model)
    return pixels * (again + aligned + 2 * widening)


def _convolution(inputs: int, outputs: int, taps: int) -> int:
    """Operations of a convolution at one pixel."""
    return 2 * inputs * outputs * taps


def _vgg(side: int) -> float:
    """VGG16 up to relu4_3 on one picture."""
    total = 0
    for stage, channels in enumerate(VGG_CHANNELS):
        pixels = (side >> stage) ** 2
        total += pixels * sum(_convolution(*pair, 9) for pair in pairwise(channels))
    return total


def _network_bytes(sizes: Sizes) -> float:
    """Each convolution reads and writes a map forward; back, it reads three and writes one."""
    per_convolution = 6
    walks = sizes.frames - 1
    low = walks * (2 * sizes.depth + 2) + sizes.frames + 2
    maps = per_convolution * (low * sizes.features + 1.5 * sizes.wide)
    return maps / sizes.batch


def _vgg_bytes(side: int) -> float:
    """Two pictures read and written forward, one back, at every layer."""
    values = sum(
        (side >> stage) ** 2 * sum(channels[:-1] + channels[1:])
        for stage, channels in enumerate(VGG_CHANNELS)
    )
    return 3 * FP32 * values
