"""What validation measures: PSNR, SSIM and luma, as the field reports them.

PSNR and SSIM are torchmetrics', so that figures compare with other people's. It is imported where
it is called: that takes seconds, and a run that is only checked or refused needs none of it.
"""

import torch
from torch import Tensor

PSNR_CEILING = 100.0
"""dB reported for pictures equal to within rounding: an infinite value would spoil a mean."""

SSIM_WINDOW = 11
"""Side in pixels of the window that SSIM's local statistics are taken over."""


def psnr(sr_BCHW: Tensor, gt_BCHW: Tensor, data_range: float = 1.0) -> Tensor:
    """Return each picture's peak signal-to-noise ratio, averaged over the batch, in dB.

    Args:
        sr_BCHW: pictures; values outside [0, data_range] count as they are.
        gt_BCHW: the same shape.
        data_range: difference of the largest and the smallest possible value.
    """
    from torchmetrics.functional.image import peak_signal_noise_ratio  # noqa: PLC0415 - see above

    each = [
        peak_signal_noise_ratio(sr, gt, data_range=data_range)
        for sr, gt in zip(sr_BCHW, gt_BCHW, strict=True)
    ]
    return torch.stack(each).clamp(max=PSNR_CEILING).mean()


def ssim(sr_BCHW: Tensor, gt_BCHW: Tensor, data_range: float = 1.0) -> Tensor:
    """Return the structural similarity, averaged over the batch: Gaussian 11×11 window, σ 1.5.

    Wang et al., https://doi.org/10.1109/TIP.2003.819861, over the windows that fit into the
    picture, as they and scikit-image do; torchmetrics' own mean counts its padded border too.

    Raises:
        ValueError: if a picture is smaller than the window.
    """
    if min(sr_BCHW.shape[-2:]) < SSIM_WINDOW:
        raise ValueError(
            f"pictures are {tuple(sr_BCHW.shape[-2:])} pixels; SSIM needs at least {SSIM_WINDOW} "
            "a side"
        )
    from torchmetrics.functional.image import (  # noqa: PLC0415 - see above
        structural_similarity_index_measure,
    )

    _, each = structural_similarity_index_measure(
        sr_BCHW, gt_BCHW, data_range=data_range, return_full_image=True
    )
    border = SSIM_WINDOW // 2
    return each[..., border:-border, border:-border].mean()


def sharpness(sr_BCHW: Tensor, gt_BCHW: Tensor, scale: int) -> Tensor:
    """Return the share of the ground truth's fine detail that pictures have, averaged over them.

    Fine detail is the energy of luma beyond the frequencies that a low-resolution frame can carry,
    under a Hann window: 0 is blur, 1 as much as the ground truth, more is noise.

    Args:
        sr_BCHW: pictures, RGB in [0, 1].
        gt_BCHW: the same shape.
        scale: enlargement of each side, which decides what is fine.
    """
    ours, theirs = (_fine_energy(luma(rgb), scale) for rgb in (sr_BCHW, gt_BCHW))
    return ((ours + 1e-12) / (theirs + 1e-12)).mean()


def _fine_energy(y_B1HW: Tensor, scale: int) -> Tensor:
    """Return each picture's mean energy beyond the Nyquist frequency of 1/scale of its size."""
    height, width = y_B1HW.shape[-2:]
    rows, columns = (
        torch.hann_window(side, periodic=False, dtype=y_B1HW.dtype, device=y_B1HW.device)
        for side in (height, width)
    )
    centred = y_B1HW - y_B1HW.mean(dim=(-2, -1), keepdim=True)
    energy = torch.fft.fft2(centred * rows[:, None] * columns).abs().square()
    fine_rows, fine_columns = (
        torch.fft.fftfreq(side, device=y_B1HW.device).abs() > 0.5 / scale
        for side in (height, width)
    )
    return (energy * (fine_rows[:, None] | fine_columns)).mean(dim=(-3, -2, -1))


def luma(rgb_BCHW: Tensor) -> Tensor:
    """Return BT.601 luma in studio range, [16/255, 235/255], of RGB in [0, 1]; shape B1HW.

    The Y of "PSNR on Y" in super-resolution papers, ITU-R BT.601.
    """
    weights = rgb_BCHW.new_tensor([65.481, 128.553, 24.966]).view(3, 1, 1) / 255
    return (rgb_BCHW * weights).sum(dim=-3, keepdim=True) + 16 / 255
