"""Video files in, decoded frames out: the one iterator that all who read video share.

Knows nothing of clips, windows or the frame cache.
"""

from vsr_data.video.colour import rgb_from_frame
from vsr_data.video.decoding import Frame, FrameRange, Tally, frames
from vsr_data.video.header import Header, read_header

__all__ = ["Frame", "FrameRange", "Header", "Tally", "frames", "read_header", "rgb_from_frame"]
