"""Enlarged frames out: encoded and joined with what was beside them, as pictures, or raw."""

from vsr_upscale.output.encoders import Encoding
from vsr_upscale.output.opening import Output, Writer, check_output, open_writer
from vsr_upscale.output.painting import Painter, Planes

__all__ = [
    "Encoding",
    "Output",
    "Painter",
    "Planes",
    "Writer",
    "check_output",
    "open_writer",
]
