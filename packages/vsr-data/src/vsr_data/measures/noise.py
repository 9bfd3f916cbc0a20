"""How strong the grain of a picture is.

Chen, Zhu and Heng, "An Efficient Statistical Method for Image Noise Level Estimation", ICCV 2015
(doi:10.1109/ICCV.2015.62): pixels of small patches are alike, but for the noise, so that the
smallest eigenvalues of the patches' covariance are the noise's variance.
"""

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from vsr_data.measures.luma import Luma, as_float

PATCH: Final = 8
STRIDE: Final = 3


def noise_sigma(luma_HW: Luma) -> float:
    """Standard deviation of white noise in a picture, in levels; 0 where there is none.

    Args:
        luma_HW: at full size: reduced pictures have less noise.
    """
    if min(luma_HW.shape) < 2 * PATCH:
        return 0.0
    patches = sliding_window_view(as_float(luma_HW), (PATCH, PATCH))[::STRIDE, ::STRIDE]
    flat = patches.reshape(-1, PATCH * PATCH)
    values = np.linalg.eigvalsh(np.cov(flat, rowvar=False))
    for count in range(len(values), 1, -1):
        mean = values[:count].mean()
        if (values[:count] > mean).sum() <= (values[:count] < mean).sum():
            return float(np.sqrt(max(0.0, mean)))
    return float(np.sqrt(max(0.0, values[0])))
