"""How the processes of a run become one: same settings, same footage, same state."""

from collections.abc import Sequence
from typing import Any, Final

from vsr_data import Footage
from vsr_device import Platform, Processes
from vsr_settings import Settings
from vsr_train.errors import RunError
from vsr_train.step import TrainingState

_DECISIVE: Final = {
    "patch",
    "cuts",
    "interlaced",
    "hdr",
    "bars",
    "windows",
    "degradation",
    "val_windows",
    "val_most",
    "val_tile",
    "val_border",
}
"""What of `[data]` the samples depend on, beside the sources."""


def join_others(
    processes: Processes,
    platform: Platform,
    settings: Settings,
    footage: Sequence[Footage],
    state: TrainingState,
) -> None:
    """Wait for the other processes, compare notes, and take over the first one's state.

    Everything slow, decoding above all, is over in each process when it calls this. The first
    process alone reads the checkpoint, so that a run folder need not be on every machine.

    Args:
        processes: those that train together; nothing happens where there is one.
        platform: where this one computes.
        settings: its settings.
        footage: what it trains on and what it validates on.
        state: its state, which becomes the first one's.

    Raises:
        RunError: if processes were given other settings or found other footage.
        PeerError: if another process failed.
    """
    if processes.world_size == 1:
        return
    processes.join(platform)
    for what, value in (("settings", _decisive(settings)), ("footage", _facts(footage))):
        everyone = processes.gather(value)
        for rank, theirs in enumerate(everyone):
            if theirs != everyone[0]:
                raise RunError(
                    f"process {rank} has other {what} than process 0: every machine needs the same "
                    "settings and the same files; compare them with --check on each"
                )
    stored = processes.from_first(state.state_dict() if processes.is_first else None)
    if stored is not None and not processes.is_first:
        state.load_state_dict(stored)


def _decisive(settings: Settings) -> dict[str, Any]:
    """Return what the samples and steps of a run depend on; paths may differ between machines."""
    sections = {
        name: getattr(settings, name).model_dump(mode="json") for name in ("model", "loss", "train")
    }
    sections["data"] = settings.data.model_dump(mode="json", include=_DECISIVE)
    sources = settings.data.sources("train")
    sections["data"]["sources"] = [(source.weight, source.frames) for source in sources]
    sections["loss"].pop("perceptual_weights")
    return sections


def _facts(footage: Sequence[Footage]) -> list[list[tuple[Any, ...]]]:
    return [
        [(clip.name, clip.windows, clip.lq_size, clip.gt_size) for clip in part.clips]
        for part in footage
    ]
