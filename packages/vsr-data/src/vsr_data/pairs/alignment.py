"""Whether a low-resolution frame and its ground truth show the same thing in the same place.

Shape suffixes: N samples, C colour channels, H and W pixels.
"""

from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import interpolate

REACH: Final = 4  # ground-truth pixels that shifts are tried up to
CLEARLY_BETTER: Final = 0.95  # share of the unshifted squared error that a shift must go below


def others_fit_better(
    reduced_NCHW: Tensor, lq_NCHW: Tensor, same_picture: float, *, than: float = 1.0
) -> Tensor:
    """Tell for each sample whether another's reduced ground truth fits it better than its own.

    Args:
        reduced_NCHW: ground truth at low resolution.
        lq_NCHW: the frames it should belong to.
        same_picture: correlation from which a pair fits, whatever others do.
        than: share of a sample's own squared error that another's must go below.

    Returns:
        Booleans, one a sample.
    """
    ours, theirs = (part.flatten(1) for part in (reduced_NCHW, lq_NCHW))
    errors = torch.cdist(theirs, ours).square()
    own = errors.diagonal()
    better = (errors < than * own[:, None]).any(dim=1)
    ours, theirs = (part - part.mean(dim=1, keepdim=True) for part in (ours, theirs))
    norms = ours.norm(dim=1) * theirs.norm(dim=1)
    fits = (ours * theirs).sum(dim=1) > same_picture * norms
    return better & ~fits


def best_shifts(gt_NCHW: Tensor, lq_NCHW: Tensor, scale: int) -> Tensor:
    """Find how far each ground truth has moved against its low-resolution frame.

    Args:
        gt_NCHW: ground truth.
        lq_NCHW: frames, `scale` times smaller.
        scale: enlargement of each side.

    Returns:
        Integers of shape (N, 2): ground-truth pixels down and right; 0 where no shift fits
        clearly better than none.
    """
    margin = -(-REACH // scale)
    inner = lq_NCHW[..., margin:-margin, margin:-margin]
    height, width = (side * scale for side in inner.shape[-2:])
    shifts = [(y, x) for y in range(-REACH, REACH + 1) for x in range(-REACH, REACH + 1)]
    errors = []
    for y, x in shifts:
        top, left = margin * scale + y, margin * scale + x
        moved = gt_NCHW[..., top : top + height, left : left + width]
        reduced = interpolate(moved, size=inner.shape[-2:], mode="bicubic", antialias=True)
        errors.append((reduced - inner).square()[..., 1:-1, 1:-1].mean(dim=(1, 2, 3)))
    errors_KN = torch.stack(errors)
    still = errors_KN[shifts.index((0, 0))]
    least, which = errors_KN.min(dim=0)
    found = torch.tensor(shifts, device=gt_NCHW.device)[which]
    return torch.where((least < CLEARLY_BETTER * still)[:, None], found, 0)
