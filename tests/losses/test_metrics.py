"""PSNR, SSIM and luma agree with scikit-image."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from vsr_losses import luma, psnr, sharpness, ssim


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


def test_sharpness_is_one_for_the_ground_truth_and_almost_nothing_for_what_a_small_frame_carries():
    gt = torch.rand(2, 3, 48, 48)
    assert sharpness(gt, gt, 3) == pytest.approx(1.0)
    small = torch.nn.functional.interpolate(gt, scale_factor=1 / 3, mode="bicubic", antialias=True)
    blurred = torch.nn.functional.interpolate(small, size=(48, 48), mode="bicubic")
    assert sharpness(blurred, gt, 3) < 0.05
    noisy = gt + 0.5 * torch.randn(gt.shape)
    assert sharpness(noisy, gt, 3) > 1.5


@given(st.floats(0.1, 3))
def test_sharpness_grows_with_the_square_of_the_detail(factor):
    gt = torch.rand(1, 3, 30, 36, dtype=torch.float64)
    assert sharpness(gt * factor, gt, 2) == pytest.approx(factor**2, rel=1e-6)
