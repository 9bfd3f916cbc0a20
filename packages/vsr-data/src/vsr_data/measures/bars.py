"""Black bars around a film's picture."""

from typing import NamedTuple

from vsr_data.measures.luma import Luma


class Bars(NamedTuple):
    """Rows and columns of a frame that show nothing, in pixels."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0


class BarsFinder:
    """Gathers what frames of one size show near their borders."""

    def __init__(self) -> None:
        self._frames = 0

    def add(self, luma_HW: Luma) -> None:
        """Take up a frame."""
        self._frames += luma_HW.size > 0

    def bars(self) -> Bars:
        """The bars of all frames together; none where they are not sure."""
        return Bars()
