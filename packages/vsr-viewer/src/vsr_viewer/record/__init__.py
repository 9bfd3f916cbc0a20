"""A run read from its folder, as far as its files tell, and again as they grow."""

from vsr_viewer.record.columns import Columns
from vsr_viewer.record.finding import NoRunError, chosen_runs, is_run, runs_in
from vsr_viewer.record.log import TERMS, Log, Verdict
from vsr_viewer.record.reading import UnreadableError, open_inside, read_inside
from vsr_viewer.record.record import Record, RunReader
from vsr_viewer.record.sharing import without_places
from vsr_viewer.record.strips import ANIMATION, FOLDER, PANELS, Strip, read_strip

__all__ = [
    "ANIMATION",
    "FOLDER",
    "PANELS",
    "TERMS",
    "Columns",
    "Log",
    "NoRunError",
    "Record",
    "RunReader",
    "Strip",
    "UnreadableError",
    "Verdict",
    "chosen_runs",
    "is_run",
    "open_inside",
    "read_inside",
    "read_strip",
    "runs_in",
    "without_places",
]
