"""What the caching allocator comes to hold, which is more than tensors use.

It takes segments from the driver and cuts them into tensors. A segment is a little larger than what
was asked for, and freed memory serves smaller tensors, seldom larger ones: where a step goes on to
a larger size, some of the last one lies idle. How many of each size do was counted on replays of
traced steps and rounded up (docs/decisions/settings-memory.md), so that none is under.
"""

from collections.abc import Iterator
from typing import Final

from vsr_settings.moments import Moment, Step
from vsr_settings.memory.sizes import FP32, VGG_CHANNELS

MIB: Final = 1 << 20
_OWN_SEGMENT: Final = 10 * MIB
"""Tensors from here on get a segment of their own size; smaller ones share one."""
_SHARED_SEGMENT: Final = 20 * MIB
_ROUND: Final = 2 * MIB
_COPIES: Final = 5
"""Tensors of a weight's size: itself, its gradient, AdamW's two moments and its average."""
_IDLE_MAPS: Final = 5
_IDLE_VGG: Final = 1.25
_IDLE_PICTURES: Final = 3
_IDLE_WEIGHTS: Final = 0.5
_ENDS: Final = 48 * MIB
"""Ends of the segments that small tensors share."""


def held(step: Step, always: int) -> int:
    """Bytes that the allocator comes to hold, never under what it was replayed to hold.

    Args:
        step: The step.
        always: Bytes that are there throughout, less gradients.
    """
    sizes, weights = step.sizes, step.sizes.weights
    wide = _granted(sizes.wide // (sizes.batch if step.recomputes else 1))
    kept_wide = 0 if step.recomputes else wide
    feature_map = _granted(sizes.features)
    highest = max(
        _highest(step.at_upsampler()) + wide + _granted(FP32 * weights.widening),
        _highest(step.at_losses()) + kept_wide + _IDLE_VGG * _granted(_vgg_map(step)),
        _highest(step.at_trunks()) + _IDLE_MAPS * feature_map,
    )
    rounding = (
        step.kept_maps * (feature_map - sizes.features)
        + _COPIES * 2 * weights.blocks * _rounding(FP32 * weights.convolution)
        + _COPIES * _rounding(FP32 * weights.widening)
    )
    idle = _IDLE_PICTURES * _granted(sizes.picture) + _IDLE_WEIGHTS * FP32 * weights.total
    return int(always + highest + rounding + idle) + _ENDS


def _highest(moments: Iterator[Moment]) -> int:
    return max(moment.bytes for moment in moments)


def _vgg_map(step: Step) -> int:
    """Bytes of one of VGG16's first maps, for the samples that walk through it together."""
    if not step.loss.perceptual_weight:
        return 0
    chunk = min(step.loss.perceptual_chunk, step.sizes.batch)
    return VGG_CHANNELS[0][-1] * chunk * step.sizes.side**2 * FP32


def _granted(size: int) -> int:
    """What a tensor takes of its segment, its share of the end that fits no other included."""
    if size >= _OWN_SEGMENT:
        return -(-size // _ROUND) * _ROUND
    if size > MIB:
        return _SHARED_SEGMENT // (_SHARED_SEGMENT // size)
    return size


def _rounding(size: int) -> int:
    return _granted(size) - size
