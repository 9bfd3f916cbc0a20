"""Whether an output shows its film: reduced to the film's size it must be much like it.

A wrong matrix or range, a grid that is shifted, or a network of another scale shows here at the
first frame instead of at the end.
"""

from typing import Final

import torch
import torch.nn.functional as F
from av import VideoFrame
from torch import Tensor

from vsr_data.video import unit_from_frame

SUSPICIOUS_DB: Final = 22.0
"""PSNR below which something is wrong: networks that restore a film reduce to it at 28 or more."""


def agreement_db(frame: VideoFrame, rgb_1CHW: Tensor, scale: int, turns: int = 0) -> float:
    """PSNR in dB of an output's frame, reduced to the film's size, against the film's.

    Args:
        frame: as it goes to the encoder; of a comparison, whose right half is the output.
        rgb_1CHW: the film's frame, RGB in [0, 1].
        scale: the enlargement.
        turns: counter-clockwise quarter turns by which the output's frame is turned.
    """
    upright = torch.rot90(rgb_1CHW.cpu(), turns, (2, 3))
    width = scale * upright.shape[-1]
    sr_1CHW = unit_from_frame(frame)[None, ..., -width:]
    reduced = F.avg_pool2d(sr_1CHW, scale)
    error = (reduced - upright).square().mean().clamp_min(1e-10)
    return float(-10 * error.log10())
