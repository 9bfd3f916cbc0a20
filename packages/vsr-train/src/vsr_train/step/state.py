"""Everything a run changes as it goes: what a checkpoint must hold, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from vsr_device import Platform
from vsr_model import Network
from vsr_settings import Settings, Train
from vsr_train.step.average import WeightAverage
from vsr_train.step.stepper import StepResult

BETAS = (0.9, 0.99)
"""AdamW's memory: 0.99 forgets the large first gradients sooner than 0.999 (docs/notebook.md)."""

SCALER = ("scale", "_growth_tracker")
"""What GradScaler finds out as it goes."""


@dataclass
class TrainingState:
    """The network and all that training it changes."""

    network: Network
    average: WeightAverage
    optimizer: torch.optim.Optimizer
    scaler: torch.GradScaler
    step: int = 0
    """Optimiser steps made, skipped ones included; also the place in the data."""
    withheld: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.int64))
    """Steps whose gradient was not finite, counted on the device: they change no weight and advance
    neither the schedule nor the average."""
    best: dict[str, float] = field(default_factory=dict)
    """Step and scores of the validation that `best.safetensors` is from; empty before it."""
    aside: list[int] = field(default_factory=list)
    """Numbers of the training windows that are set aside because their step was not finite."""
    watch: dict[str, Any] = field(default_factory=dict)
    """What the watch knows, as it was when last saved; empty before that."""
    interval: dict[str, Any] = field(default_factory=dict)
    """Sums of the steps since the last row of the log, as they were when last saved."""
    footage: dict[str, str] = field(default_factory=dict)
    """Fingerprints of the footage for training and for validation."""
    way: dict[str, str] = field(default_factory=dict)
    """Device, precision and memory format that the run trains in; a run that goes on reads them
    from its checkpoint before it has a state."""

    @classmethod
    def fresh(cls, settings: Settings, platform: Platform) -> "TrainingState":
        """Start from the initial weights that `train.seed` decides."""
        torch.manual_seed(settings.train.seed)
        network = platform.place(Network(settings.model))
        return cls(
            network,
            WeightAverage(network, settings.train.ema_decay),
            make_optimizer(network, settings.train),
            platform.grad_scaler(),
            withheld=torch.zeros((), dtype=torch.int64, device=platform.device),
        )

    @property
    def skipped(self) -> int:
        """How many steps were withheld; asking waits for the device."""
        return int(self.withheld)

    def count(self, result: StepResult) -> None:
        """Count a step just made and let the average follow, on the device."""
        self.step += 1
        self.withheld += result.withheld.to(torch.int64)
        self.average.update(self.network, result.withheld)

    def state_dict(self) -> dict[str, Any]:
        """Return everything as tensors, numbers and texts, under the names people's tools know."""
        return {
            "step": self.step,
            "skipped": self.skipped,
            "best": self.best,
            "aside": self.aside,
            "watch": self.watch,
            "interval": self.interval,
            "footage": self.footage,
            "way": self.way,
            "model_state_dict": self.network.state_dict(),
            "ema_state_dict": self.average.network.state_dict(),
            "ema_updates": self.average.updates,
            "optimizer_state_dict": self.optimizer.state_dict(),
            "scaler_state_dict": self.scaler.state_dict(),
            "random_state": _random_state(),
        }

    def load_state_dict(self, stored: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned, once `folder.read_state` has checked it.

        The optimiser's and the scaler's options stay those of today's settings.
        """
        self.step = stored["step"]
        self.withheld.fill_(stored["skipped"])
        self.best = stored["best"]
        self.aside = stored["aside"]
        self.watch = stored["watch"] or {}
        self.interval = stored["interval"]
        self.footage = stored["footage"]
        self.network.load_state_dict(stored["model_state_dict"])
        self.average.network.load_state_dict(stored["ema_state_dict"])
        self.average.updates = stored["ema_updates"]
        self._load_moments(stored["optimizer_state_dict"]["state"])
        if stored["scaler_state_dict"]:  # empty where the run so far needed no scaler
            found = {name: stored["scaler_state_dict"][name] for name in SCALER}
            self.scaler.load_state_dict(self.scaler.state_dict() | found)
        _restore_random_state(stored["random_state"])

    def _load_moments(self, stored: Mapping[int, Mapping[str, torch.Tensor]]) -> None:
        """Take Adam's moments, each in the memory format of its parameter.

        The fused kernels go through parameter and moments in the order of memory, whatever their
        strides say.
        """
        parameters = list(self.network.parameters())
        states = {
            number: {
                name: value if name == "step" else _like(parameters[number], value)
                for name, value in moments.items()
            }
            for number, moments in stored.items()
        }
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": states, "param_groups": groups})


def make_optimizer(network: torch.nn.Module, train: Train) -> torch.optim.AdamW:
    """Return AdamW over a network; fused, it needs no temporary memory."""
    return torch.optim.AdamW(
        network.parameters(),
        lr=train.max_lr,
        betas=BETAS,
        weight_decay=train.weight_decay,
        fused=True,
    )


def _like(parameter: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(parameter, requires_grad=False).copy_(value)


def _random_state() -> dict[str, torch.Tensor]:
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def _restore_random_state(states: dict[str, torch.Tensor]) -> None:
    torch.set_rng_state(states["cpu"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
