"""The folder of a run: its layout, its log and its checkpoints."""

from vsr_train.folder.checkpoint import adopt, latest_checkpoint, read_state, save_checkpoint
from vsr_train.folder.layout import RunFolder

__all__ = ["RunFolder", "adopt", "latest_checkpoint", "read_state", "save_checkpoint"]
