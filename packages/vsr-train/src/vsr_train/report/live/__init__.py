"""What is drawn of a run while it goes: the run at a moment, and its picture for a screen."""

from vsr_train.report.live.canvas import Canvas
from vsr_train.report.live.panel import panel
from vsr_train.report.live.status import Status
from vsr_train.report.live.tracker import Tracker

__all__ = ["Canvas", "Status", "Tracker", "panel"]
