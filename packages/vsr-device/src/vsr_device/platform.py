"""Where a run computes, in which precision, and in which order tensors lie in memory."""

import os
import re
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeVar

import torch
from torch import Tensor, nn

from vsr_device.errors import DeviceError
from vsr_settings import (
    DeviceFacts,
    Hardware,
    MemoryFormat,
    Precision,
    Settings,
    Train,
    card,
    precision_on,
)

ModuleT = TypeVar("ModuleT", bound=nn.Module)

AMP_DTYPES: Final[dict[Precision, torch.dtype | None]] = {
    "fp32": None,
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
}
"""Half precision of autocast by precision; None is none."""

MEMORY_FORMATS: Final[dict[MemoryFormat, torch.memory_format]] = {
    "contiguous": torch.contiguous_format,
    "channels_last": torch.channels_last,
}
"""Orders of tensors in memory, as settings name them."""


@dataclass(frozen=True)
class Platform:
    """A device and how to use it."""

    device: torch.device
    amp_dtype: torch.dtype | None
    """Half precision of autocast; None trains in fp32."""
    memory_format: torch.memory_format
    notes: tuple[str, ...] = ()
    """What the user should know about the choice."""

    @property
    def on_accelerator(self) -> bool:
        """Whether the network runs elsewhere than on the cores that cut clips."""
        return self.device.type != "cpu"

    def place(self, module: ModuleT) -> ModuleT:
        """Move a module to the device, its weights in the platform's memory format."""
        module.to(self.device)
        return module.to(memory_format=self.memory_format)  # type: ignore[call-overload]  # not typed

    def to_unit(self, pixels: Tensor) -> Tensor:
        """Move uint8 pixels to the device as float32 in [0, 1]."""
        return pixels.to(self.device, non_blocking=True).to(torch.float32).div_(255)

    def autocast(self) -> torch.autocast:
        """Return the context that forward passes run in."""
        return torch.autocast(
            self.device.type, dtype=self.amp_dtype, enabled=self.amp_dtype is not None
        )

    def exact(self) -> AbstractContextManager[None]:
        """Return a context without TF32 and without autotuning: for figures, and odd shapes."""
        if self.device.type != "cuda":
            return nullcontext()
        deterministic = torch.backends.cudnn.deterministic
        return torch.backends.cudnn.flags(
            enabled=True, benchmark=False, deterministic=deterministic, allow_tf32=False
        )

    def grad_scaler(self) -> torch.GradScaler:
        """Return the scaler that fp16 gradients need; in other precisions it does nothing."""
        return torch.GradScaler(self.device.type, enabled=self.amp_dtype == torch.float16)

    @property
    def precision(self) -> Precision:
        """The precision of convolutions, as settings name it."""
        return next(name for name, dtype in AMP_DTYPES.items() if dtype == self.amp_dtype)


def native_precisions(device: torch.device) -> tuple[Precision, ...]:
    """Return the precisions that a CUDA device has in hardware; elsewhere fp32 alone."""
    if device.type != "cuda":
        return ("fp32",)
    return ("fp32", "fp16", "bf16") if _device_facts(device).native_bf16 else ("fp32", "fp16")


def choose_platform(settings: Settings, local_rank: int = 0) -> Platform:
    """Pick the device that `run.device` names and the precision that it does natively.

    Args:
        settings: the run.
        local_rank: which of this machine's cards is this process's.

    Raises:
        DeviceError: if the device is not there, or is one card for several processes.
    """
    device = _choose_device(settings.run.device, local_rank, several=_several(settings.train))
    precision = precision_on(settings.train, _device_facts(device))
    notes = _precision_notes(settings.train, device, precision)
    planned = card(settings.hardware)
    if device.type == "cpu" and settings.run.device == "auto" and planned.compute_capability:
        missing = (
            f"no {planned.title} is here: training on the CPU; check the driver with nvidia-smi, "
            'or write hardware.preset = "cpu"'
        )
        notes = (missing, *notes)
    channels_last = device.type == "cpu" or planned.memory_format == "channels_last"
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    if device.type == "cuda":
        torch.cuda.set_device(device)
        notes += _set_arithmetic(device, deterministic=settings.train.deterministic)
    return Platform(device, AMP_DTYPES[precision], memory_format, notes)


def choose_inference_platform(name: str, precision: Precision | Literal["auto"]) -> Platform:
    """Pick a device for a network that only enlarges, and the precision that pays there.

    Args:
        name: as `run.device` names it: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
        precision: of convolutions; `auto` is fp16 on a CUDA card that computes it natively, whose
            ten bits of fraction cost less than eight of bf16, and fp32 elsewhere.

    Raises:
        DeviceError: if the device is not there.
    """
    device = _choose_device(name, 0, several=False, remedy="use --device cpu", asked="--device")
    if precision == "auto":
        precision = "fp16" if _computes_fp16(device) else "fp32"
    if device.type == "cuda":
        torch.cuda.set_device(device)
        torch.backends.cudnn.benchmark = True  # frames, and most tiles, are of one size
        torch.backends.cudnn.allow_tf32 = False
    channels_last = device.type == "cpu" or precision != "fp32"
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    return Platform(device, AMP_DTYPES[precision], memory_format)


def _computes_fp16(device: torch.device) -> bool:
    if device.type != "cuda":
        return False
    capability = ".".join(map(str, torch.cuda.get_device_capability(device)))
    return card(Hardware(compute_capability=capability)).native_fp16


def free_bytes(device: torch.device) -> int | None:
    """Memory that nobody uses, where tensors on a device lie; None where that is not told."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    try:
        table = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        return None
    available = re.search(r"^MemAvailable: +(\d+) kB$", table, re.MULTILINE)
    return int(available[1]) << 10 if available else None


def peak_mib(device: torch.device) -> int | None:
    """The most memory taken so far, in MiB; None where that is not told.

    On a CUDA card what this process's allocator held at once; elsewhere what the process did.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device) >> 20
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    peak = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(peak[1]) >> 10 if peak else None


def _set_arithmetic(device: torch.device, *, deterministic: bool) -> tuple[str, ...]:
    """Decide how cuDNN computes, for the whole process; return what the user should know of it."""
    cudnn = torch.backends.cudnn
    cudnn.benchmark = not deterministic  # shapes never change; Pascal's heuristics are poor
    cudnn.deterministic = deterministic
    cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = True, False
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if torch.cuda.get_device_capability(device) < (8, 0):
        return ()
    return ("fp32 convolutions train in TF32 here; validation is in full fp32",)


def _several(train: Train) -> bool:
    return train.world_size not in (1, "auto")


def _choose_device(
    name: str,
    local_rank: int,
    *,
    several: bool,
    asked: str = "run.device",
    remedy: str = "set run.device = 'cpu'",
) -> torch.device:
    if several and name.startswith("cuda:"):
        raise DeviceError(
            f"run.device is {name!r}, one card for several processes; write run.device = 'cuda', "
            "which gives each its own"
        )
    if name.startswith("cuda") or (name == "auto" and torch.cuda.is_available()):
        return _choose_card(name, local_rank, asked, remedy)
    if name == "auto":
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in {"cpu", "mps"}:
        raise DeviceError(f"{asked} is {name!r}; it must be auto, cpu, cuda, cuda:N or mps")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise DeviceError(f"{asked} is 'mps', which this machine has not; {remedy}")
    return device


def _choose_card(name: str, local_rank: int, asked: str, remedy: str) -> torch.device:
    count = torch.cuda.device_count()
    try:
        index = torch.device(name).index if ":" in name else local_rank
    except RuntimeError as error:
        raise DeviceError(
            f"{asked} is {name!r}; it must be auto, cpu, cuda, cuda:N or mps"
        ) from error
    if index < count:
        return torch.device("cuda", index)
    if count and index == local_rank:
        raise DeviceError(
            f"process {local_rank + 1} of this machine finds {count} CUDA devices, and each needs "
            f"its own; start torchrun with --nproc-per-node={count}"
        )
    raise DeviceError(
        f"{asked} is {name!r} and this torch sees {count} CUDA devices; check the "
        f"driver with nvidia-smi, or {remedy}"
    )


def _device_facts(device: torch.device) -> DeviceFacts:
    match device.type:
        case "cuda":
            # Without this argument torch counts its slow emulation on older cards as support.
            native = torch.cuda.is_bf16_supported(including_emulation=False)
            return DeviceFacts("cuda", native_bf16=native)
        case "mps":
            return DeviceFacts("mps", native_bf16=_mps_has_bf16())
        case _:
            return DeviceFacts("cpu", native_bf16=_cpu_has_bf16())


def _precision_notes(train: Train, device: torch.device, precision: Precision) -> tuple[str, ...]:
    """Say what `auto` came to on a CPU, where nobody would guess it."""
    if device.type != "cpu" or not train.use_amp or train.amp_dtype != "auto":
        return ()
    if precision == "bf16":
        return ("on this CPU AMP means bf16",)
    return ("this CPU has no bf16 arithmetic: training in fp32, without AMP",)


def _mps_has_bf16() -> bool:
    return torch.backends.mps.is_macos_or_newer(14, 0)


def _cpu_has_bf16() -> bool:
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001 - no public twin
