"""Video files in, decoded frames out: the one iterator that all who read video share.

Knows nothing of clips, windows or the frame cache.
"""

from vsr_data.video.colour import (
    YccCoding,
    coding_of,
    quarter_turns,
    rgb_from_frame,
    unit_from_frame,
)
from vsr_data.video.container import DECODE_ERRORS, PICTURE, opened, reason_of
from vsr_data.video.cuts import CutDetector
from vsr_data.video.decoding import Frame, FrameRange, Tally, frames
from vsr_data.video.header import Header, read_header

__all__ = [
    "DECODE_ERRORS",
    "PICTURE",
    "CutDetector",
    "Frame",
    "FrameRange",
    "Header",
    "Tally",
    "YccCoding",
    "coding_of",
    "frames",
    "opened",
    "quarter_turns",
    "read_header",
    "reason_of",
    "rgb_from_frame",
    "unit_from_frame",
]
