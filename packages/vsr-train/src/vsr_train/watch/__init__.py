"""The watch: whether a run learns, and if not, why."""

from vsr_train.watch.detail import Detail, detail, detail_statistics
from vsr_train.watch.diagnosis import Diagnosis, write_diagnosis
from vsr_train.watch.snapshot import Snapshot, detail_of
from vsr_train.watch.stored import is_watch_state
from vsr_train.watch.verdicts import Judgement, Verdict
from vsr_train.watch.watch import Watch

__all__ = [
    "Detail",
    "Diagnosis",
    "Judgement",
    "Snapshot",
    "Verdict",
    "Watch",
    "detail",
    "detail_of",
    "detail_statistics",
    "is_watch_state",
    "write_diagnosis",
]
