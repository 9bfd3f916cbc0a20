"""A video in, a larger video out."""

from vsr_upscale.enlarging import EnlargedFrame, Summary, enlarged_frames, upscale
from vsr_upscale.errors import UpscaleError
from vsr_upscale.request import Request

__all__ = ["EnlargedFrame", "Request", "Summary", "UpscaleError", "enlarged_frames", "upscale"]
