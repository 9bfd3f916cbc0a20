"""What a run's weights say of themselves, and whether the best are those that a checkpoint names.

Weights say, as texts for `vsr_model.read_facts`: `step`, what they were trained for as
`degradation`, their `license` where one was chosen, and the figures of a validation.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from vsr_data import Footage
from vsr_model import WeightsError, read_facts
from vsr_settings import Settings
from vsr_settings.degradation_text import store_degradation
from vsr_train.folder.layout import RunFolder
from vsr_train.step import TrainingState

FIGURES: Final = ("psnr", "psnr_y", "ssim", "gain_bicubic_db", "temporal_db")
"""Those of a validation that weights carry, where it has them."""

NO_LICENSE: Final = "unknown"


def best_facts(state: TrainingState, settings: Settings, training: Footage) -> dict[str, str]:
    """Return what best.safetensors says of the validation that it is from, and of its training."""
    is_ready_made = all(clip.is_ready_made for clip in training.clips)
    return {
        **figure_facts(int(state.best["step"]), state.best),
        **license_fact(settings.run.license),
        **({} if is_ready_made else {"degradation": store_degradation(settings.data.degradation)}),
    }


def figure_facts(step: int, figures: Mapping[str, Any]) -> dict[str, str]:
    """Return the step of weights and what a validation found in them, as texts."""
    found = {name: figures.get(name) for name in FIGURES}
    texts = {n: repr(float(figure)) for n, figure in found.items() if figure is not None}
    return {"step": str(step), **texts}


def license_fact(chosen: str) -> dict[str, str]:
    """Return the licence of weights; nothing where none was chosen."""
    return {} if chosen == NO_LICENSE else {"license": chosen}


def step_of_weights(path: Path) -> int | None:
    """Read the step that a file of weights says; None where it says none, or is not there."""
    if not path.is_file():
        return None
    try:
        return int(read_facts(path)["step"])
    except (WeightsError, KeyError, ValueError):
        return None


def missing_best(folder: RunFolder, stored: Mapping[str, Any]) -> str | None:
    """Say why best.safetensors is not the best that a checkpoint names; None where it is."""
    if not folder.best.is_file():
        return f"{folder.best.name} is not here"
    facts = _facts_of(folder.best)
    if not facts:  # as versions before format 2 wrote it
        return None if stored["format"] == 1 else f"{folder.best.name} does not say its step"
    if facts["step"] == stored["best"]["step"] and facts["psnr"] == stored["best"]["psnr"]:
        return None
    return f"{folder.best.name} is of step {facts['step']:.0f}"


def _facts_of(path: Path) -> dict[str, float]:
    """Read step and PSNR from weights; nothing where they do not say them."""
    try:
        said = read_facts(path)
        facts = {name: float(said[name]) for name in ("step", "psnr")}
    except (WeightsError, KeyError, ValueError):
        return {}
    return facts if math.isfinite(facts["step"]) else {}
