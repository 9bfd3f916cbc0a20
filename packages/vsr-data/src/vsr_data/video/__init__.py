"""Video files in, decoded frames out: the one iterator that all who read video share.

Knows nothing of clips, windows or the frame cache.
"""

from vsr_data.video.animations import is_animation
from vsr_data.video.colour import (
    YccCoding,
    coding_of,
    quarter_turns,
    rgb_from_frame,
    unit_from_frame,
)
from vsr_data.video.container import DECODE_ERRORS, PICTURE, opened, reason_of
from vsr_data.video.cuts import marked, with_cuts
from vsr_data.video.decoding import Frame, FrameRange, Tally, frames
from vsr_data.video.deinterlacing import deinterlaced
from vsr_data.video.fields import FieldOrder, FieldsSeen
from vsr_data.video.header import Header, read_header
from vsr_data.video.mending import mended_frames
from vsr_data.video.nature import Nature, nature_of
from vsr_data.video.side_data import side_data_of
from vsr_data.video.tone import ToneMapping

__all__ = [
    "DECODE_ERRORS",
    "PICTURE",
    "FieldOrder",
    "FieldsSeen",
    "Frame",
    "FrameRange",
    "Header",
    "Nature",
    "Tally",
    "ToneMapping",
    "YccCoding",
    "coding_of",
    "deinterlaced",
    "frames",
    "is_animation",
    "marked",
    "mended_frames",
    "nature_of",
    "opened",
    "quarter_turns",
    "read_header",
    "reason_of",
    "rgb_from_frame",
    "side_data_of",
    "unit_from_frame",
    "with_cuts",
]
