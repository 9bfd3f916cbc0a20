"""What the caching allocator holds beyond what tensors use at a step's highest moment.

The card must have room for what the allocator reserves. Freed memory serves smaller tensors, seldom
larger ones, so each size that a step makes comes to hold its own: feature maps, doubled ones for
every frame, wide ones of the upsampler, VGG16's, pictures. How many of each was fitted to replays
of the allocator on traced steps (docs/decisions/settings-memory.md), so that none was under.
"""

from typing import Final, NamedTuple

from vsr_settings.moments import Step
from vsr_settings.sizes import FP32

MIB: Final = 1 << 20
_OWN_SEGMENT: Final = 10 * MIB
"""Tensors from here on get a segment of their own size; smaller ones share one."""
_SHARED_SEGMENT: Final = 20 * MIB
_ROUND: Final = 2 * MIB
_VGG_CHANNELS: Final = 64


class _Held(NamedTuple):
    """How many of each size the allocator comes to hold, beyond what lives through the step."""

    maps: float
    maps_of_frames: float
    """For every frame but the centre."""
    maps_of_stretch: float
    """Times the maps that a stretch makes on its way back."""
    wide: float
    """Of the upsampler: of the batch, or of a sample where it is recomputed."""
    vgg: float
    """Maps of VGG16's first layers, for a chunk."""
    pictures: float
    weights: float
    """All weights, in fp32."""
    widening: float
    """The weights of the upsampler's first convolution, in fp32."""
    mib: float


_OWN: Final = {
    "none": _Held(0.02, 1.23, 0.02, 2.83, 4.08, 6.0, 0.66, 0.02, 160),
    "blocks": _Held(1.57, 1.44, 0.02, 2.44, 3.94, 7.83, 0.02, 1.88, 95),
    "segments": _Held(0.02, 2.0, 0.76, 0.91, 3.88, 7.14, 0.21, 0.97, 0.02),
}
"""Where feature maps have segments of their own, by recomputation."""
_SHARED: Final = {
    "none": _Held(0.02, 2.02, 0.02, 1.85, 4.13, 9.62, 0.68, 0.02, 20.29),
    "blocks": _Held(0.02, 2.12, 0.02, 0.93, 4.63, 7.27, 1.1, 1.29, 14.52),
    "segments": _Held(0.02, 0.02, 0.56, 0.69, 4.44, 8.16, 1.09, 1.29, 24.25),
}
"""Where feature maps share segments."""


def held(step: Step, always: int) -> int:
    """Bytes that the allocator comes to hold, never under what it was replayed to hold.

    Args:
        step: The step.
        always: Bytes that are there throughout, gradients included.
    """
    sizes, weights = step.sizes, step.sizes.weights
    recompute = "none" if step.model.recompute == "auto" else step.model.recompute
    one_map = _granted(sizes.features)
    counts = (_OWN if one_map >= _OWN_SEGMENT else _SHARED)[recompute]
    chunk = min(step.loss.perceptual_chunk, sizes.batch) if step.loss.perceptual_weight > 0 else 0
    made = (
        counts.maps * one_map
        + counts.maps_of_frames * (sizes.frames - 1) * one_map
        + counts.maps_of_stretch * step.stretch_maps(1 if step.stretch_count > 1 else 0) * one_map
        + counts.wide * _granted(sizes.wide // (sizes.batch if step.recomputes else 1))
        + counts.vgg * _granted(_VGG_CHANNELS * chunk * sizes.side**2 * FP32)
        + counts.pictures * _granted(sizes.picture)
        + counts.weights * FP32 * weights.total
        + counts.widening * _granted(FP32 * weights.widening)
        + counts.mib * MIB
    )
    kept = (
        step.kept_maps * (one_map if sizes.features >= _OWN_SEGMENT else sizes.features)
        + step.kept_halves
    )
    return always + kept + int(made)


def _granted(size: int) -> int:
    """What a tensor takes of its segment, the share of what is left over included."""
    if size >= _OWN_SEGMENT:
        return -(-size // _ROUND) * _ROUND
    if size > MIB:
        return _SHARED_SEGMENT // (_SHARED_SEGMENT // size)
    return size
