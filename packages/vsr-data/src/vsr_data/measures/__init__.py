"""What a picture shows, in figures: pure functions of arrays that know nothing of files.

Luma is `luma_HW`, uint8, as of `luma_of`; figures are in its levels, of which there are 255.
"""

from vsr_data.measures.activity import detail, greatest_change, is_test_card, level, motion
from vsr_data.measures.bars import Bars, BarsFinder
from vsr_data.measures.blocks import blockiness
from vsr_data.measures.luma import luma_of, reduced
from vsr_data.measures.noise import noise_sigma
from vsr_data.measures.repeats import Repeats
from vsr_data.measures.sharpness import Sharpness
from vsr_data.measures.windows import window_weights

__all__ = [
    "Bars",
    "BarsFinder",
    "Repeats",
    "Sharpness",
    "blockiness",
    "detail",
    "greatest_change",
    "is_test_card",
    "level",
    "luma_of",
    "motion",
    "noise_sigma",
    "reduced",
    "window_weights",
]
