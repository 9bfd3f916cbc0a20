"""A run's figures for TensorBoard, under names that stay.

loss/… · optim/… · memory/… · validation/… · watch/…
"""

from collections.abc import Mapping
from pathlib import Path


class Board:
    """TensorBoard's files of a run; a resumed run goes on with its curves.

    Args:
        folder: where they go.
        start_step: the step that the run starts or resumes at; what an earlier process has written
            of later ones is not shown.
    """

    def __init__(self, folder: Path, start_step: int) -> None:
        # Imported here: it takes half a second, and a run that is refused needs none of it.
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - see above

        self._writer = SummaryWriter(str(folder), purge_step=start_step + 1)

    def plot(self, group: str, figures: Mapping[str, float], step: int) -> None:
        """Add a point to the curve of each figure."""
        for name, value in figures.items():
            self._writer.add_scalar(f"{group}/{name}", value, step)

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()
