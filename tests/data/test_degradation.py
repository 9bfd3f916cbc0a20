"""Degradation is the plain arithmetic that its docstring names, whatever computes it."""

import numpy as np
import pytest
from data.makers import picture
from hypothesis import given
from hypothesis import strategies as st

from vsr_data import degrade


def keys_cubic(x):
    """Keys' kernel with a = -0.5, https://doi.org/10.1109/TASSP.1981.1163711."""
    x = np.abs(x)
    inner, outer = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x < 1, inner, np.where(x < 2, outer, 0))


def bicubic_weights(large, scale):
    """One row of weights over the sharp pixels for each small one; cut off at the border."""
    centres = (np.arange(large // scale) + 0.5) * scale
    weights = keys_cubic((np.arange(large) + 0.5 - centres[:, None]) / scale)
    return weights / weights.sum(1, keepdims=True)


def plain_bicubic(gt_HWC, scale):
    rows, columns = (bicubic_weights(side, scale) for side in gt_HWC.shape[:2])
    small = np.einsum("yh,xw,hwc->yxc", rows, columns, gt_HWC.astype(np.float64))
    return small.clip(0, 255)


def plain_area(gt_HWC, scale):
    height, width = gt_HWC.shape[:2]
    parts = gt_HWC.astype(np.float64).reshape(height // scale, scale, width // scale, scale, 3)
    return parts.mean((1, 3))


SIZES = st.tuples(st.integers(2, 6), st.integers(2, 6))
"""From 2 on: torch 2.7.1 repeats the first row of pictures that become one pixel wide."""


@pytest.mark.parametrize(("name", "plain"), [("bicubic", plain_bicubic), ("area", plain_area)])
@given(SIZES, st.sampled_from([2, 3, 4]), st.integers(0, 2**32))
def test_it_is_its_formula_in_float64_rounded(name, plain, size, scale, seed):
    shape = (size[0] * scale, size[1] * scale, 3)
    gt_HWC = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    lq_HWC = degrade(gt_HWC, scale, name)
    assert lq_HWC.shape == (*size, 3)
    assert lq_HWC.dtype == np.uint8
    assert np.abs(lq_HWC - plain(gt_HWC, scale)).max() <= 0.5 + 1e-3


def test_a_side_that_is_no_multiple_of_the_scale_is_refused():
    with pytest.raises(ValueError, match="multiples of 3; got 10×9"):
        degrade(picture(9, 10), 3, "area")
