"""What validation sees: whole frames, the same ones at every validation."""

from collections.abc import Iterator, Sequence
from itertools import islice

import torch
from torch import Tensor

from vsr_data.footage.clip import Clip, Footage
from vsr_data.samples.sampling import spread


def validation_places(
    clips: Sequence[Clip], per_clip: int, most: int | None = None
) -> list[tuple[int, int]]:
    """Which windows validation sees: evenly spaced over every clip, or over clips where too many.

    Args:
        clips: the clips.
        per_clip: windows of a clip at most.
        most: windows in all; where there would be more, as many of each clip as that allows, and
            where there are more clips than that, the middle one of so many clips.

    Returns:
        The number of a clip and that of its window, in order.
    """
    counts = [clip.windows for clip in clips]
    if most is not None and len(clips) > most:
        return [(place, counts[place] // 2) for place in spread(len(clips), most)]
    if most is not None:
        while sum(min(count, per_clip) for count in counts) > most:
            per_clip -= 1
    return [(place, i) for place, count in enumerate(counts) for i in spread(count, per_clip)]


def validation_windows(
    footage: Footage,
    per_clip: int,
    most: int | None = None,
    *,
    rank: int = 0,
    world_size: int = 1,
) -> Iterator[tuple[Clip, int, Tensor, Tensor]]:
    """The windows of `validation_places`, as whole frames.

    Args:
        footage: the clips.
        per_clip: windows of a clip at most.
        most: windows in all.
        rank: which share of the windows, dealt one by one.
        world_size: shares that they are dealt into.

    Yields:
        The clip, the window's number, `lq_TCHW` and `gt_CHW`, uint8.
    """
    places = validation_places(footage.clips, per_clip, most)
    for number, i in islice(places, rank, None, world_size):
        clip = footage.clips[number]
        lq_THWC, gt_HWC = clip.window(i)
        lq_TCHW = torch.tensor(lq_THWC).permute(0, 3, 1, 2).contiguous()
        yield clip, i, lq_TCHW, torch.tensor(gt_HWC).permute(2, 0, 1).contiguous()
