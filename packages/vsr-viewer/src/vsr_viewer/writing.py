"""Pages written to disk, whole or not at all."""

import time
from pathlib import Path
from typing import Final

from vsr_files import replacing
from vsr_viewer.page import page_on_its_own
from vsr_viewer.pictures import Shelf
from vsr_viewer.record import RunReader

PAGE: Final = "report.html"
"""Of a run, in its folder."""


class PageWriter:
    """Writes the page of a run again and again, and reads only what is new of it.

    Args:
        folder: the run's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._reader = RunReader(folder)
        self._shelf = Shelf(self._reader.root)

    def write(self, path: Path | None = None, *, has_ended: bool = False) -> Path:
        """Write the page; return where it is.

        Args:
            path: where to; None for `report.html` in the run's folder.
            has_ended: whether the run itself says that it has.

        Raises:
            OSError: if the disk refuses; what was there is untouched.
        """
        path = path or self._folder / PAGE
        page = page_on_its_own(self._reader.read(), self._shelf, time.time(), has_ended=has_ended)
        write_text(page, path)
        return path


def write_page(run_folder: Path) -> None:
    """Write a run's `report.html` into its folder.

    Raises:
        OSError: if the disk refuses; the page before is untouched.
    """
    PageWriter(run_folder).write()


def write_text(page: str, path: Path) -> None:
    """Write a page.

    Raises:
        OSError: if the disk refuses.
    """
    with replacing(path) as file:
        file.write(page.encode("utf-8", "backslashreplace"))
