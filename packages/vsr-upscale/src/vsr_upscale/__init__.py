"""A video in, a larger video out.

Names are imported when they are first asked for: the command must heed signals before torch is
there.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vsr_upscale.enlarging import EnlargedFrame, enlarged_frames, upscale
    from vsr_upscale.errors import UpscaleError
    from vsr_upscale.request import Request
    from vsr_upscale.run import Summary

__all__ = ["EnlargedFrame", "Request", "Summary", "UpscaleError", "enlarged_frames", "upscale"]

_ROOMS = {
    "EnlargedFrame": "enlarging",
    "Request": "request",
    "Summary": "run",
    "UpscaleError": "errors",
    "enlarged_frames": "enlarging",
    "upscale": "enlarging",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its room."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
