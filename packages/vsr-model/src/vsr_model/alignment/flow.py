"""Where the centre frame's pixels lie in another frame: pyramidal Lucas-Kanade, without parameters.

B. D. Lucas, T. Kanade, "An iterative image registration technique with an application to stereo
vision", IJCAI 1981, from coarse to fine, as J.-Y. Bouguet, "Pyramidal implementation of the Lucas
Kanade feature tracker", 1999. Means are poolings, never convolutions: TF32 would round them.

Shape suffixes: N pairs of frames, C colour channels, H and W pixels.
"""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

LEVELS: Final = 4
"""Levels of the pyramid, the frame itself among them: enough for 16 pixels a frame."""

SMALLEST: Final = 24
"""Shorter side in pixels under which no coarser level is made."""

FULL_PYRAMID: Final = (SMALLEST - 1) * 2 ** (LEVELS - 2) + 1
"""Shorter side in pixels from which on a frame has all levels."""

ITERATIONS: Final = 3
"""Steps towards the flow at each level."""

WINDOW: Final = 7
"""Side in pixels of the neighbourhood that moves as one."""

SMOOTHING: Final = 5
"""Side in pixels of the mean that is taken of the flow after each step."""

DAMPING: Final = 1e-5
"""Squared gradient below which a flow is not told from none, of luma in [0, 1]."""

LUMA: Final = (0.299, 0.587, 0.114)


@torch.no_grad()
def estimate_flow(centre_NCHW: Tensor, other_NCHW: Tensor) -> Tensor:
    """Estimate where each pixel of the centre frame is seen in the other one.

    Where the other frame agrees no better along the flow than straight ahead, the flow is exactly
    0: what stands still is never said to move.

    Args:
        centre_NCHW: RGB in [0, 1], fp32 or fp64.
        other_NCHW: the other frames, of the same shape.

    Returns:
        flow_N2HW in pixels, x before y: `centre(x, y)` is seen at `other(x + flow_x, y + flow_y)`.
    """
    flow_N2HW = _of_luma(_luma(centre_NCHW), _luma(other_NCHW))
    along = mean_around(squared_error(warp(other_NCHW, flow_N2HW), centre_NCHW), SMOOTHING)
    ahead = mean_around(squared_error(other_NCHW, centre_NCHW), SMOOTHING)
    return flow_N2HW * (along < ahead)


def warp(frame_NCHW: Tensor, flow_N2HW: Tensor, mode: str = "bicubic") -> Tensor:
    """Return a frame seen along a flow: at each pixel, its value at that pixel plus the flow."""
    height, width = flow_N2HW.shape[-2:]
    return sample(frame_NCHW, pixels(frame_NCHW, height, width) + flow_N2HW, mode)


def sample(frame_NCHW: Tensor, places_N2HW: Tensor, mode: str = "bicubic") -> Tensor:
    """Return a frame's values at places in its pixels, x before y; outside, those of its border."""
    height, width = frame_NCHW.shape[-2:]
    x_NHW, y_NHW = places_N2HW.unbind(1)
    grid_NHW2 = torch.stack([_normalised(x_NHW, width), _normalised(y_NHW, height)], dim=-1)
    return F.grid_sample(
        frame_NCHW, grid_NHW2, mode=mode, padding_mode="border", align_corners=False
    )


def pixels(like: Tensor, height: int, width: int, scale: int = 1) -> Tensor:
    """Return the places of a frame's pixels, or of `scale`² parts of each, as places_12HW.

    A pixel's place is that of its middle, in pixels from the middle of the first one.
    """
    y, x = (
        torch.arange(side * scale, dtype=like.dtype, device=like.device)
        .add_(0.5)
        .div_(scale)
        .sub_(0.5)
        for side in (height, width)
    )
    return torch.stack(torch.meshgrid(x, y, indexing="xy")).unsqueeze(0)


def mean_around(maps_NCHW: Tensor, side: int) -> Tensor:
    """Return each pixel's mean over a square around it, as much of it as there is."""
    reach = side // 2
    rows_NCHW = F.avg_pool2d(maps_NCHW, (side, 1), 1, (reach, 0), count_include_pad=False)
    return F.avg_pool2d(rows_NCHW, (1, side), 1, (0, reach), count_include_pad=False)


def gradients(maps_NCHW: Tensor) -> tuple[Tensor, Tensor]:
    """Return central differences along x and along y; beyond the border, its values go on."""
    wide_NCHW = F.pad(maps_NCHW, (1, 1, 1, 1), mode="replicate")
    x_NCHW = (wide_NCHW[..., 1:-1, 2:] - wide_NCHW[..., 1:-1, :-2]).div_(2)
    y_NCHW = (wide_NCHW[..., 2:, 1:-1] - wide_NCHW[..., :-2, 1:-1]).div_(2)
    return x_NCHW, y_NCHW


def _of_luma(centre_N1HW: Tensor, other_N1HW: Tensor) -> Tensor:
    levels = list(zip(_pyramid(centre_N1HW), _pyramid(other_N1HW), strict=True))
    coarsest_N1HW = levels[-1][0]
    flow_N2HW = coarsest_N1HW.new_zeros(len(coarsest_N1HW), 2, *coarsest_N1HW.shape[-2:])
    for number, (centre, other) in reversed(list(enumerate(levels))):
        height, width = centre.shape[-2:]
        if flow_N2HW.shape[-2:] != centre.shape[-2:]:
            twice_N2HW = F.interpolate(
                flow_N2HW, scale_factor=2.0, mode="bilinear", align_corners=False
            )
            flow_N2HW = 2 * twice_N2HW[..., :height, :width]
        # Between pixels of the finest level a bilinear value is too blurred to match.
        mode = "bilinear" if number else "bicubic"
        for _ in range(ITERATIONS):
            step_N2HW = _step(centre, warp(other, flow_N2HW, mode))
            flow_N2HW = mean_around(flow_N2HW + step_N2HW, SMOOTHING)
    return flow_N2HW


def _step(centre_N1HW: Tensor, warped_N1HW: Tensor) -> Tensor:
    """Solve for what the flow lacks, at most a pixel along each axis."""
    x_N1HW, y_N1HW = gradients((centre_N1HW + warped_N1HW).div_(2))
    change_N1HW = warped_N1HW - centre_N1HW
    products_N5HW = torch.cat(
        [
            x_N1HW * x_N1HW,
            x_N1HW * y_N1HW,
            y_N1HW * y_N1HW,
            x_N1HW * change_N1HW,
            y_N1HW * change_N1HW,
        ],
        dim=1,
    )
    xx, xy, yy, xt, yt = mean_around(products_N5HW, WINDOW).split(1, dim=1)
    xx.add_(DAMPING)
    yy.add_(DAMPING)
    determinant_N1HW = (xx * yy).sub_(xy * xy)
    solved = [(xy * yt).sub_(yy * xt), (xy * xt).sub_(xx * yt)]
    return torch.cat(solved, dim=1).div_(determinant_N1HW).clamp_(-1, 1)


def _pyramid(luma_N1HW: Tensor) -> list[Tensor]:
    """Return ever smaller frames, the frame itself first."""
    levels = [luma_N1HW]
    while len(levels) < LEVELS and min(levels[-1].shape[-2:]) >= SMALLEST:
        smooth = mean_around(mean_around(levels[-1], 3), 3)
        levels.append(F.avg_pool2d(smooth, 2, ceil_mode=True))
    return levels


def _luma(frame_NCHW: Tensor) -> Tensor:
    red_N1HW, green_N1HW, blue_N1HW = frame_NCHW.split(1, dim=1)
    red, green, blue = LUMA
    return (red_N1HW * red).add_(green_N1HW, alpha=green).add_(blue_N1HW, alpha=blue)


def _normalised(places: Tensor, side: int) -> Tensor:
    """From pixels to `grid_sample`'s places, in which the frame's borders are at -1 and 1."""
    return (places + 0.5).mul_(2 / side).sub_(1)


def squared_error(one_NCHW: Tensor, other_NCHW: Tensor) -> Tensor:
    """Return the mean over colours of squared differences, of one channel."""
    return (one_NCHW - other_NCHW).square_().mean(dim=1, keepdim=True)
