"""What validation sees: whole frames, the same ones at every validation."""

from collections.abc import Iterator
from itertools import islice

import torch
from torch import Tensor

from vsr_data.footage.clip import Clip, Footage
from vsr_data.samples.sampling import spread


def validation_windows(
    footage: Footage, per_clip: int, *, rank: int = 0, world_size: int = 1
) -> Iterator[tuple[Clip, int, Tensor, Tensor]]:
    """Windows of every clip, evenly spaced over it, as whole frames.

    Args:
        footage: the clips.
        per_clip: windows of a clip at most.
        rank: which share of the windows, dealt one by one.
        world_size: shares that they are dealt into.

    Yields:
        The clip, the window's number, `lq_TCHW` and `gt_CHW`, uint8.
    """
    windows = ((clip, i) for clip in footage.clips for i in spread(clip.windows, per_clip))
    for clip, i in islice(windows, rank, None, world_size):
        lq_THWC, gt_HWC = clip.window(i)
        lq_TCHW = torch.tensor(lq_THWC).permute(0, 3, 1, 2).contiguous()
        yield clip, i, lq_TCHW, torch.tensor(gt_HWC).permute(2, 0, 1).contiguous()
