"""PSNR, SSIM and luma agree with scikit-image."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from vsr_losses import luma, psnr, ssim


def pictures(seed, noise):
    generator = torch.Generator().manual_seed(seed)
    gt = torch.rand(2, 3, 24, 30, generator=generator, dtype=torch.float64)
    return (gt + noise * torch.randn(gt.shape, generator=generator, dtype=torch.float64)), gt


@given(st.integers(0, 99), st.floats(0.01, 0.5), st.sampled_from([1.0, 255.0]))
def test_psnr_is_scikit_image_s(seed, noise, data_range):
    sr, gt = (x * data_range for x in pictures(seed, noise))
    want = [
        peak_signal_noise_ratio(g.numpy(), s.numpy(), data_range=data_range)
        for s, g in zip(sr, gt, strict=True)
    ]
    assert math.isclose(psnr(sr, gt, data_range=data_range), np.mean(want), abs_tol=1e-4)


@given(st.integers(0, 99), st.floats(0.01, 0.5))
def test_ssim_is_scikit_image_s(seed, noise):
    sr, gt = pictures(seed, noise)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    want = [
        structural_similarity(g.numpy(), s.numpy(), data_range=1.0, channel_axis=0, **options)
        for s, g in zip(sr, gt, strict=True)
    ]
    assert math.isclose(ssim(sr, gt), np.mean(want), abs_tol=1e-4)


def test_luma_is_scikit_image_s():
    rgb = torch.rand(1, 3, 8, 9, dtype=torch.float64)
    want = rgb2ycbcr(rgb[0].permute(1, 2, 0).numpy())[..., 0] / 255
    np.testing.assert_allclose(luma(rgb)[0, 0].numpy(), want, atol=1e-7)


def test_equal_pictures_have_a_finite_psnr():
    sr = torch.rand(1, 3, 8, 8)
    assert psnr(sr, sr) == pytest.approx(100.0)


def test_pictures_smaller_than_ssim_s_window_are_refused():
    with pytest.raises(ValueError, match="at least 11"):
        ssim(torch.rand(1, 3, 10, 20), torch.rand(1, 3, 10, 20))
