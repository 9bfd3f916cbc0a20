"""Where the sections compute, at which size, and what counts the memory: a card or its stand-in.

On the CPU the same code runs at toy size, and memory is what the tracer's watch sees of real
tensors, replayed by the rules of CUDA's allocator.
"""

import dataclasses
import gc
import hashlib
import platform as machine
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from measuring import made_up_vgg16
from tracer import StorageWatch

from vsr_device import choose_platform
from vsr_device.card import cudnn_version
from vsr_losses.vgg import export_vgg16
from vsr_settings import Data, Hardware, Loss, Model, Run, Settings, Train, match_preset
from vsr_settings.memory import MIB

from .runs import loaded_vgg

P4_BUDGET_MIB = 7061
"""What a P4 of 8 GB has for reserved memory: 7611 MiB less 550 for its context and slack."""

EMULATED = "this precision is emulated here"


@dataclass(frozen=True)
class Sizes:
    """How large everything is."""

    networks: dict
    precisions: tuple
    recomputes: tuple
    patch: int
    batch: int
    frame: tuple
    """Height and width of a low-resolution frame that is validated."""
    steps: int
    """Of a configuration for the P4."""
    rounds: int
    """Most rounds of timings."""
    film: tuple
    """Frames, height and width."""
    matmul: int
    """Side of the matrices."""
    copied_mib: int
    compiler: str
    """torch.compile's backend."""
    perceptual: bool = True
    """Whether steps whose memory is compared look through VGG16: a toy's is lost beside it."""
    options: tuple = ()
    """Of the P4's configurations, where they are made smaller."""


FULL = Sizes(
    networks={"64x24": Model(), "128x36": Model(n_feats=128, n_blocks=36)},
    precisions=("fp16", "fp32", "bf16"),
    recomputes=("none", "blocks", "segments"),
    patch=180,
    batch=4,
    frame=(270, 480),
    steps=20,
    rounds=9,
    film=(120, 270, 480),
    matmul=8192,
    copied_mib=1024,
    compiler="inductor",
)
TOY = Sizes(
    networks={"4x2": Model(n_feats=4, n_blocks=2, scale=2)},
    precisions=("fp32", "bf16"),
    recomputes=("none", "segments"),
    patch=12,
    batch=1,
    frame=(24, 32),
    steps=2,
    rounds=1,
    film=(4, 24, 32),
    matmul=64,
    copied_mib=1,
    compiler="eager",
    perceptual=False,
    options=(
        "hardware.preset=cpu", "model.n_feats=4", "model.n_blocks=2", "model.scale=2",
        "data.patch=12", "train.batch_size=1", "train.accumulation_steps=2",
        "train.use_amp=false",
    ),
)  # fmt: skip

_DIGESTS = {}


@dataclass
class Taken:
    """What a stretch of work took at most, in bytes."""

    allocated: int = 0
    reserved: int = 0
    tried: int | None = None
    """Reserved at most before `settle`; None where nothing was left out."""
    on_card: torch.device | None = None

    def settle(self):
        """Count peaks anew, from what is held now: cuDNN has tried its kernels.

        What it tries them with, and gives back at once, may be most of a large card that is free.
        """
        if self.on_card is not None:
            torch.cuda.synchronize(self.on_card)
            self.tried = torch.cuda.max_memory_reserved(self.on_card)
            torch.cuda.reset_peak_memory_stats(self.on_card)

    def as_row(self):
        row = {"allocated_mib": self.allocated / MIB, "reserved_mib": self.reserved / MIB}
        return row if self.tried is None else row | {"tried_mib": self.tried / MIB}


@dataclass(frozen=True)
class Place:
    """A device, sizes for it, and a folder that is thrown away after."""

    device: torch.device
    sizes: Sizes
    scratch: Path
    data: str | None
    clock: object
    preset: str

    @property
    def is_card(self):
        return self.device.type == "cuda"

    def facts(self):
        """Return what is measured on, for people and for the page."""
        versions = {"torch": torch.__version__, "python": machine.python_version()}
        if not self.is_card:
            return {"kind": "cpu", "name": "a CPU, at toy size, as a rehearsal", **versions}
        properties = torch.cuda.get_device_properties(self.device)
        return {
            "kind": "cuda",
            "name": properties.name,
            "capability": f"{properties.major}.{properties.minor}",
            "total_mib": properties.total_memory // MIB,
            "cuda": torch.version.cuda,
            "cudnn": cudnn_version(),
            "preset": self.preset,
            **versions,
        }

    def settings(self, model, precision, *, recompute="none", perceptual=True):
        """Return the settings of a step in a precision, with VGG16's file vouched for."""
        loss = Loss(perceptual_weight=0.0)
        if perceptual:
            path, digest = self.vgg_file()
            loss = Loss(perceptual_weights=str(path), perceptual_sha256=digest)
            loaded_vgg(loss)  # here, so that no peak has the reading of it
        amp = {"use_amp": False} if precision == "fp32" else {"amp_dtype": precision}
        return Settings(
            hardware=Hardware(preset=self.preset, allow_over_budget=True),
            model=model.model_copy(update={"recompute": recompute}),
            loss=loss,
            data=Data(patch=self.sizes.patch, val_windows=1, val_tile=256),
            train=Train(batch_size=self.sizes.batch, accumulation_steps=2, **amp),
            run=Run(device=self.device.type, dir=str(self.scratch)),
        )

    def platform(self, settings, **changed):
        """Return where a run with such settings computes; it sets cuDNN as a run does."""
        return dataclasses.replace(choose_platform(settings), **changed)

    def has_natively(self, precision):
        """Tell whether a precision is in hardware; on the CPU, whether it can be tried at all."""
        if precision != "bf16" or not self.is_card:
            return True
        return torch.cuda.is_bf16_supported(including_emulation=False)

    def vgg_file(self):
        """Return a file of made-up weights in VGG16's shapes, and its digest."""
        path = self.scratch / "vgg16.safetensors"
        if not path.exists():
            export_vgg16(made_up_vgg16(), path)
        if path not in _DIGESTS:
            _DIGESTS[path] = hashlib.sha256(path.read_bytes()).hexdigest()
        return path, _DIGESTS[path]

    @contextmanager
    def taken(self):
        """Count the memory of what is done inside, from what is alive at its beginning."""
        self.give_back()
        taken = Taken(on_card=self.device if self.is_card else None)
        if self.is_card:
            torch.cuda.reset_peak_memory_stats(self.device)
            try:
                yield taken
            finally:
                taken.allocated = torch.cuda.max_memory_allocated(self.device)
                taken.reserved = torch.cuda.max_memory_reserved(self.device)
            return
        from vsr_settings.memory.allocator import reserved_bytes  # noqa: PLC0415 - toys alone

        with StorageWatch() as watch:
            yield taken
        taken.allocated = sum(watch.peak().values())
        taken.reserved = reserved_bytes(watch.events)

    def limited(self, mib):
        """Return a context in which the allocator may hold so much and no more."""
        return _card_limited(self.device, mib) if self.is_card else nullcontext()

    def give_back(self):
        """Free what nothing holds, to the driver."""
        gc.collect()
        if self.is_card:
            torch.cuda.empty_cache()

    def now(self):
        """Return the time after all that the device was asked to do."""
        if self.is_card:
            torch.cuda.synchronize(self.device)
        return self.clock()


@contextmanager
def _card_limited(device, mib):
    total = torch.cuda.get_device_properties(device).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, mib * MIB / total), device)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)


def place_on(device, scratch, data, clock):
    """Return the place of a device by name: `cuda` at full size, `cpu` at toy size.

    Raises:
        RuntimeError: if there is no card.
    """
    if device == "cpu":
        return Place(torch.device("cpu"), TOY, scratch, data, clock, "cpu")
    if not torch.cuda.is_available():
        raise RuntimeError("there is no CUDA device; --device cpu runs everything at toy size")
    card = torch.device("cuda", torch.cuda.current_device())
    properties = torch.cuda.get_device_properties(card)
    preset = match_preset(properties.name, properties.total_memory // MIB)
    name = "tesla-p4" if preset is None else preset.name
    return Place(card, FULL, scratch, data, clock, name)
