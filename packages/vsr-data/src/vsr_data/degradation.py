"""How low-resolution frames are made from sharp ones.

Always from the whole frame, so that a crop shows no border that the rest of the frame would not.
"""

from typing import assert_never

import numpy as np
import torch
from torch.nn.functional import interpolate

from vsr_data.pixels import Pixels
from vsr_settings.degradation import Degradation


def degrade(gt_HWC: Pixels, scale: int, degradation: Degradation) -> Pixels:
    """Shrink a frame.

    Args:
        gt_HWC: uint8 RGB, both sides multiples of `scale`.
        scale: how many times smaller each side becomes.
        degradation: `bicubic` (a = -0.5, antialiased by widening it `scale` times) or `area` (means
            of scale × scale pixels).

    Returns:
        `lq_HWC`, uint8, rounded to the nearest value.

    Raises:
        ValueError: a side is not a multiple of `scale`.
    """
    height, width = gt_HWC.shape[:2]
    if height % scale or width % scale:
        raise ValueError(f"sides must be multiples of {scale}; got {width}×{height}")
    match degradation:
        case "bicubic":
            return _bicubic(gt_HWC, (height // scale, width // scale))
        case "area":
            return _area(gt_HWC, scale)
        case _:
            assert_never(degradation)


def _bicubic(gt_HWC: Pixels, size: tuple[int, int]) -> Pixels:
    gt_CHW = torch.from_numpy(gt_HWC).permute(2, 0, 1).contiguous()
    lq_BCHW = interpolate(gt_CHW[None].float(), size=size, mode="bicubic", antialias=True)
    lq_CHW = lq_BCHW[0].round_().clamp_(0, 255).to(torch.uint8)
    return lq_CHW.permute(1, 2, 0).contiguous().numpy()


def _area(gt_HWC: Pixels, scale: int) -> Pixels:
    total = np.zeros((gt_HWC.shape[0] // scale, gt_HWC.shape[1] // scale, 3), np.uint16)
    for y in range(scale):
        for x in range(scale):
            total += gt_HWC[y::scale, x::scale]
    return ((total + scale**2 // 2) // scale**2).astype(np.uint8)
