"""What is trained on what: plain texts and numbers for everything that tells of a run."""

import platform as machine
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any, Final

import torch

from vsr_data import Footage
from vsr_device import MEMORY_FORMATS, Platform
from vsr_losses import HybridLoss
from vsr_settings import Settings, card, effective_batch
from vsr_settings.degradation_text import describe_degradation
from vsr_settings.memory import MIB, budget_mib, predict

PACKAGES: Final = ("torch", "torchvision", "numpy", "av", "vsr-train")
"""Those whose versions decide what a run computes."""


@dataclass(frozen=True)
class About:
    """What a run is; `about.json` in its folder."""

    name: str
    network: str
    """Its size: features × blocks."""
    window: str
    """Frames in and out, scale, and what is recomputed."""
    parameters: int
    device: str
    precision: str
    memory_format: str
    card: str
    """What it is planned for."""
    batch: str
    perceptual: str
    """What VGG16 is; empty where none is used."""
    training: str
    """The sources, their clips and windows."""
    validation: str
    degradation: str
    """What low-resolution frames are made by."""
    ready_made: bool
    """Whether all training pairs were made elsewhere, so that nobody here knows by what."""
    budget_mib: int | None
    """Memory that a step may take on the card; None where there is no limit."""
    predicted_mib: Mapping[str, int]
    """What a step is predicted to take, by what it is for."""
    versions: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON holds."""
        return asdict(self)

    @property
    def predicted_total_mib(self) -> int:
        """What a step is predicted to take in all."""
        return sum(self.predicted_mib.values())


def about(
    settings: Settings,
    platform: Platform,
    *,
    parameters: int,
    loss: HybridLoss,
    training: Footage,
    validation: Footage,
) -> About:
    """Gather what a run is.

    Args:
        settings: the run, with the precision and memory format that it trains in.
        platform: where it computes.
        parameters: how many weights learn.
        loss: what is minimised.
        training: what it learns from.
        validation: what it is measured on.
    """
    model, train, data = settings.model, settings.train, settings.data
    planned = card(settings.hardware)
    formats = {order: name for name, order in MEMORY_FORMATS.items()}
    vgg = None if loss.perceptual is None else loss.perceptual.vgg
    ready_made = all(clip.is_ready_made for clip in training.clips)
    sources = ", ".join(source.path for source in data.sources("train"))
    return About(
        name=settings.run.name,
        network=f"{model.n_feats}×{model.n_blocks}",
        window=f"{model.n_frames} frames to one, ×{model.scale}, recompute {model.recompute}",
        parameters=parameters,
        device=_device_name(platform.device),
        precision=platform.precision,
        memory_format=formats[platform.memory_format].replace("_", " "),
        card=planned.title + (f", {planned.vram_mib} MiB" if planned.vram_mib else ""),
        batch=(
            f"{train.batch_size} × {train.accumulation_steps} × {train.world_size} = "
            f"{effective_batch(settings)} samples a step, {data.patch} px to "
            f"{data.patch * model.scale}"
        ),
        perceptual=f"VGG16 (ImageNet) · pretrained, frozen, {vgg.provenance}" if vgg else "",
        training=f"{sources}: {_footage(training)}",
        validation=f"{data.val}: {_footage(validation)}",
        degradation=(
            "as ready-made pairs have it" if ready_made else describe_degradation(data.degradation)
        ),
        ready_made=ready_made,
        budget_mib=budget_mib(settings),
        predicted_mib={
            name: -(-size // MIB) for name, size in predict(settings).categories().items()
        },
        versions={"python": machine.python_version(), **{name: version(name) for name in PACKAGES}},
    )


def _footage(footage: Footage) -> str:
    return f"{len(footage.clips)} clips, {footage.windows} windows"


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    if device.type == "cpu":
        threads = torch.get_num_threads()
        return f"cpu, {threads} thread{'' if threads == 1 else 's'}"
    return str(device)
