"""A film in: what it is, and its frames in order."""

from vsr_upscale.source.facts import STEP_BACK_S, Film, read_film
from vsr_upscale.source.pictures import Picture, Pictures

__all__ = ["STEP_BACK_S", "Film", "Picture", "Pictures", "read_film"]
