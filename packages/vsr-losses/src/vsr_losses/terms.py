"""The pixel terms of the loss, on RGB in [0, 1]; each is a mean, so equal micro-batches average."""

import torch.nn.functional as F
from torch import Tensor


def l1(sr_BCHW: Tensor, gt_BCHW: Tensor) -> Tensor:
    """Return the mean absolute error, a scalar."""
    return F.l1_loss(sr_BCHW, gt_BCHW)


def multi_scale(sr_BCHW: Tensor, gt_BCHW: Tensor) -> Tensor:
    """Return the mean absolute error after 2×2 average pooling, a scalar."""
    return F.l1_loss(F.avg_pool2d(sr_BCHW, 2), F.avg_pool2d(gt_BCHW, 2))


def gradient(sr_BCHW: Tensor, gt_BCHW: Tensor) -> Tensor:
    """Return the mean absolute error of absolute finite differences, averaged over x and y."""
    along_x = F.l1_loss(sr_BCHW.diff(dim=-1).abs(), gt_BCHW.diff(dim=-1).abs())
    along_y = F.l1_loss(sr_BCHW.diff(dim=-2).abs(), gt_BCHW.diff(dim=-2).abs())
    return (along_x + along_y) / 2
