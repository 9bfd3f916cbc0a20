"""The two shapes of data that every room speaks of: pixels, and the size of a frame."""

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""8-bit samples; what they are is said by the suffix of the name, as in `gt_HWC`."""

Size = tuple[int, int]
"""(height, width), in pixels."""
