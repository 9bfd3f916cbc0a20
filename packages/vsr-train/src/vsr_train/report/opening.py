"""What a run says before its first step: everything a person would check."""

from collections.abc import Iterator, Sequence

import torch

from vsr_data import Footage
from vsr_device import Platform
from vsr_losses import HybridLoss
from vsr_settings import Settings, card, effective_batch
from vsr_settings.degradation_text import describe_degradation

MOST_NAMED = 10
"""Files of a kind that are listed by name: those that are not used, and those remarked on."""


def describe(
    settings: Settings,
    platform: Platform,
    *,
    parameters: int,
    loss: HybridLoss,
    training: Footage,
    validation: Footage,
) -> Iterator[str]:
    """Yield the lines that open a run."""
    model, train, data = settings.model, settings.train, settings.data
    yield (
        f"network     {model.n_feats}×{model.n_blocks}, {parameters:,} parameters, "
        f"{model.n_frames} frames to one, ×{model.scale}, recompute {model.recompute}"
    )
    yield f"device      {_device_name(platform.device)}, {platform.precision}, " + (
        "channels last" if platform.memory_format == torch.channels_last else "contiguous"
    )
    planned = card(settings.hardware)
    yield f"preset      {planned.title}" + (f", {planned.vram_mib} MiB" if planned.vram_mib else "")
    yield (
        f"batch       {train.batch_size} × {train.accumulation_steps} × {train.world_size} = "
        f"{effective_batch(settings)} samples a step, {data.patch} px to {data.patch * model.scale}"
    )
    weights = " · ".join(f"{name} {weight:g}" for name, weight in loss.weights.items())
    yield f"loss        {weights}"
    if loss.perceptual is not None:
        yield (
            f"perceptual  VGG16 (ImageNet) · pretrained, frozen, {loss.perceptual.vgg.provenance}"
        )
    sources = ", ".join(source.path for source in data.sources("train"))
    yield f"training    {sources}: {_footage(training)}"
    yield f"validation  {data.val}: {_footage(validation)}"
    yield f"input       {describe_degradation(data.degradation)}"
    for footage in (training, validation):
        rejected = [(each.path, each.reason) for each in footage.rejected]
        yield from _listed("not used   ", rejected)
        yield from _listed("footage    ", footage.remarks)
        yield from (f"footage     {note}" for note in footage.notes)
    for note in platform.notes:
        yield f"note        {note}"


def _listed(head: str, rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    for path, text in rows[:MOST_NAMED]:
        yield f"{head} {path}: {text}"
    if len(rows) > MOST_NAMED:
        yield f"{head} and {len(rows) - MOST_NAMED} more"


def _footage(footage: Footage) -> str:
    return f"{len(footage.clips)} clips, {footage.windows} windows"


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    if device.type == "cpu":
        threads = torch.get_num_threads()
        return f"cpu, {threads} thread{'' if threads == 1 else 's'}"
    return str(device)
