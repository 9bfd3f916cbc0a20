"""What a run says: its opening lines, its rows, its pictures and its last word."""

from vsr_train.report.about import About, about
from vsr_train.report.console import open_consoles
from vsr_train.report.lines import sources_table, validation_line
from vsr_train.report.opening import describe
from vsr_train.report.protocol import show_protocol
from vsr_train.report.remaining import Remaining
from vsr_train.report.report import Report

__all__ = [
    "About",
    "Remaining",
    "Report",
    "about",
    "describe",
    "open_consoles",
    "show_protocol",
    "sources_table",
    "validation_line",
]
