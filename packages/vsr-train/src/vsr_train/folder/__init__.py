"""The folder of a run: its layout, its owner, its log and its checkpoints."""

from vsr_train.folder.changes import best_facts, fingerprints
from vsr_train.folder.checkpoint import DamagedError, latest_checkpoint, read_state
from vsr_train.folder.layout import RunFolder
from vsr_train.folder.lock import owned
from vsr_train.folder.resume import (
    Source,
    begin,
    choose_source,
    load_network,
    refuse_taken_folder,
    take_up,
)
from vsr_train.folder.writer import CheckpointWriter, save_checkpoint

__all__ = [
    "CheckpointWriter",
    "DamagedError",
    "RunFolder",
    "Source",
    "begin",
    "best_facts",
    "choose_source",
    "fingerprints",
    "latest_checkpoint",
    "load_network",
    "owned",
    "read_state",
    "refuse_taken_folder",
    "save_checkpoint",
    "take_up",
]
