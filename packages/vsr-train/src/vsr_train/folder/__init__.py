"""The folder of a run: its layout, its owner, its log and its checkpoints."""

from vsr_train.folder.best import best_facts, figure_facts, license_fact
from vsr_train.folder.changes import fingerprints
from vsr_train.folder.checkpoint import DamagedError, damage, latest_checkpoint, read_state
from vsr_train.folder.history import checkpoints_in, step_in_name
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
from vsr_train.folder.sheets import ANIMATION, sheet_ending, sheets_by_step
from vsr_train.folder.signed import write_unless_edited
from vsr_train.folder.writer import CheckpointWriter, save_checkpoint

__all__ = [
    "ANIMATION",
    "CheckpointWriter",
    "DamagedError",
    "RunFolder",
    "Source",
    "begin",
    "best_facts",
    "checkpoints_in",
    "choose_source",
    "damage",
    "figure_facts",
    "fingerprints",
    "latest_checkpoint",
    "license_fact",
    "load_network",
    "owned",
    "read_state",
    "refuse_taken_folder",
    "save_checkpoint",
    "sheet_ending",
    "sheets_by_step",
    "step_in_name",
    "take_up",
    "write_unless_edited",
]
