"""Which part of a film is asked for; the times of the output begin with it."""

from dataclasses import dataclass
from typing import Final

import av
from av.container import InputContainer

from vsr_data.video import DECODE_ERRORS

EARLY_S: Final = 30.0
"""Seconds before a part from which on its packets are looked for."""


@dataclass(frozen=True)
class Part:
    """A part of a film.

    Attributes:
        start: seconds into the film at which it begins.
        duration: its length in seconds; None goes on to the end.
    """

    start: float = 0.0
    duration: float | None = None

    def holds(self, begins: float, ends: float) -> bool:
        """Whether something shown between two times is shown in the part."""
        return (not self.start or ends > self.start or begins >= self.start) and not self.is_over(
            begins
        )

    def is_over(self, seconds: float) -> bool:
        """Whether the part has ended by a time."""
        return self.duration is not None and seconds >= self.start + self.duration

    def clipped(self, begins: float, ends: float) -> tuple[float, float]:
        """Two times as they are in the output, brought into the part."""
        length = float("inf") if self.duration is None else self.duration
        begins, ends = (max(0.0, min(side - self.start, length)) for side in (begins, ends))
        return begins, ends

    def seek(self, source: InputContainer, origin: float) -> None:
        """Go to where the part's packets begin, or stay where nothing can be searched."""
        wanted = self.start - EARLY_S
        if wanted <= 0:
            return
        try:
            source.seek(int((origin + wanted) * av.time_base))
        except DECODE_ERRORS:
            source.seek(0, any_frame=True)
