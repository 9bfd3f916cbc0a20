"""A film in: what it is, and its frames in order."""

from vsr_upscale.source.facts import Film, read_film
from vsr_upscale.source.pictures import Picture, Pictures

__all__ = ["Film", "Picture", "Pictures", "read_film"]
