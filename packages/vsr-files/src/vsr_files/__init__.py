"""Files opened without trust and written without loss: standard library alone."""

from vsr_files.opening import ForeignFileError, open_regular
from vsr_files.paths import expanded, last_part, printable
from vsr_files.streams import SteadyStream
from vsr_files.writing import append, make_folder, remove_partials, replacing, sync, sync_folder

__all__ = [
    "ForeignFileError",
    "SteadyStream",
    "append",
    "expanded",
    "last_part",
    "make_folder",
    "open_regular",
    "printable",
    "remove_partials",
    "replacing",
    "sync",
    "sync_folder",
]
