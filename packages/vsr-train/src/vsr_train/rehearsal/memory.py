"""Two real steps at full size before a run on a card: does the prediction hold?

The second one is measured: in the first cuDNN tries its kernels, in as much memory as is free.
They use a network of their own, thrown away after, so that the run is the one that its seed makes.
"""

from dataclasses import asdict, dataclass
from functools import partial

import torch

from vsr_device import DeviceError, Platform, Processes
from vsr_losses import HybridLoss
from vsr_settings import Settings, predict
from vsr_settings.memory import MIB
from vsr_train.rehearsal.steps import make_steps


@dataclass(frozen=True)
class Rehearsal:
    """What a step took, beside what was predicted; MiB and seconds."""

    allocated_mib: int
    reserved_mib: int
    predicted_allocated_mib: int
    predicted_reserved_mib: int
    seconds_per_step: float

    def __str__(self) -> str:
        share = self.reserved_mib / self.predicted_reserved_mib
        return (
            f"a rehearsed step reserved {self.reserved_mib} MiB, {share:.0%} of the predicted "
            f"{self.predicted_reserved_mib}; {self.seconds_per_step:.1f} s a step"
        )

    def as_dict(self) -> dict[str, float]:
        """Return the figures by name."""
        return asdict(self)


def rehearse(
    settings: Settings,
    platform: Platform,
    loss: HybridLoss,
    processes: Processes = Processes(),  # noqa: B008 - frozen
) -> Rehearsal | None:
    """Make two steps on random pixels, measure the second's memory; None where there is no CUDA.

    Each of several processes does so by itself, waiting for nobody, with the memory that averaging
    gradients takes: one that runs out of it can tell the others.

    Raises:
        DeviceError: if the card runs out of memory.
    """
    if platform.device.type != "cuda":
        return None
    forget = partial(torch.cuda.reset_peak_memory_stats, platform.device)
    try:
        seconds = make_steps(settings, platform, loss, processes, between=forget)
    except torch.OutOfMemoryError as error:
        raise DeviceError(
            f"two rehearsed steps ran out of the card's memory, though "
            f"{predict(settings).reserved // MIB} MiB were predicted; set model.recompute = "
            "'segments', or lower train.batch_size and raise train.accumulation_steps as much"
        ) from error
    predicted = predict(settings)
    rehearsal = Rehearsal(
        torch.cuda.max_memory_allocated(platform.device) // MIB,
        torch.cuda.max_memory_reserved(platform.device) // MIB,
        predicted.allocated // MIB,
        predicted.reserved // MIB,
        seconds,
    )
    torch.cuda.empty_cache()
    return rehearsal
