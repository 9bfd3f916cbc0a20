"""The network's sizes as numbers: weights by part, and the bytes of the tensors a step makes.

The arithmetic that the memory budget and the count of operations share.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from vsr_settings.hardware.presets import Precision
from vsr_settings.precision import precision
from vsr_settings.schema import Model, Settings

MIB: Final = 1 << 20
FP32: Final = 4
HALF: Final = 2
"""Bytes of a number."""
SEGMENT_BLOCKS: Final = 4
"""Blocks in a recomputed segment. More keep fewer inputs but hold more at once while a segment is
recomputed; from 4 on the two cancel for trunks of 12 to 18 blocks, and 4 recomputes least."""
VGG_CHANNELS: Final = ((3, 64, 64), (64, 128, 128), (128, 256, 256, 256), (256, 512, 512, 512))
"""Channels of VGG16's convolutions up to relu4_3, between one pooling and the next."""


def vgg_convolutions() -> Iterator[tuple[int, int, int]]:
    """Of each of VGG16's: its index in torchvision's `features`, its inputs and its outputs."""
    index = 0
    for channels in VGG_CHANNELS:
        for inputs, outputs in pairwise(channels):
            yield index, inputs, outputs
            index += 2  # an activation between
        index += 1  # a pooling


ALIGNED_BLOCKS: Final = 2
"""Blocks that turn what neighbours show into features."""


def evidence_channels(scale: int) -> int:
    """Of each part of a pixel two colours and a weight, and one weight of the pixel."""
    return 7 * scale**2 + 1


@dataclass(frozen=True)
class Weights:
    """How many numbers each part of the network holds, weights and biases."""

    extract: int
    fuse: int
    """One of the three 1×1 convolutions."""
    convolution: int
    """One of a block's two."""
    widening: int
    """The upsampler's first convolution."""
    closing: int
    """The upsampler's last convolution."""
    aligned: int
    """What turns evidence of neighbours into features; 0 without alignment."""
    blocks: int
    """Blocks of both trunks."""

    @property
    def trunk(self) -> int:
        """One direction: half of the blocks."""
        return self.blocks * self.convolution

    @property
    def total(self) -> int:
        """The whole network."""
        upsampler = self.widening + self.closing
        return self.extract + 3 * self.fuse + 2 * self.trunk + upsampler + self.aligned


@dataclass(frozen=True)
class Sizes:
    """The bytes of what a training step makes, in one precision."""

    weights: Weights
    batch: int
    frames: int
    depth: int
    """Blocks of one trunk."""
    element: int
    """Bytes of a number that the network computes."""
    features: int
    """One feature map of a batch, at low resolution."""
    wide: int
    """The feature maps of a batch at high resolution."""
    picture: int
    """A batch of pictures at high resolution, in fp32."""
    window: int
    """A batch of windows of low-resolution frames, in fp32."""
    side: int
    """Side of a picture at high resolution, in pixels."""

    @property
    def is_half(self) -> bool:
        """Whether the network computes in a half precision, from copies of its weights."""
        return self.element < FP32


def weights_of(model: Model) -> Weights:
    """The weights of a network."""
    n_feats = model.n_feats
    wide = n_feats * model.scale**2
    convolution = (9 * n_feats + 1) * n_feats
    evidence = 9 * evidence_channels(model.scale) * n_feats
    aligned = evidence + 2 * ALIGNED_BLOCKS * convolution + (n_feats + 1) * n_feats
    return Weights(
        extract=28 * n_feats,
        fuse=(2 * n_feats + 1) * n_feats,
        convolution=convolution,
        widening=(9 * n_feats + 1) * wide,
        closing=3 * (9 * n_feats + 1),
        aligned=aligned if model.align == "samples" else 0,
        blocks=model.n_blocks,
    )


def sizes_of(settings: Settings) -> Sizes:
    """The sizes of a run's step."""
    return sizes_in(settings, precision(settings))


def sizes_in(settings: Settings, kept: Precision) -> Sizes:
    """The sizes of a run's step in a given precision."""
    model, batch, patch = settings.model, settings.train.batch_size, settings.data.patch
    element = FP32 if kept == "fp32" else 2
    features = batch * model.n_feats * patch**2 * element
    side = model.scale * patch
    return Sizes(
        weights=weights_of(model),
        batch=batch,
        frames=model.n_frames,
        depth=model.n_blocks // 2,
        element=element,
        features=features,
        wide=features * model.scale**2,
        picture=batch * 3 * side**2 * FP32,
        window=batch * model.n_frames * 3 * patch**2 * FP32,
        side=side,
    )
