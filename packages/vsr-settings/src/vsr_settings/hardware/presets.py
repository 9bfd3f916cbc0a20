"""The hardware presets of `presets.toml`: what each card has, does natively, and how we know."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

MemoryFormat = Literal["contiguous", "channels_last"]
Precision = Literal["fp32", "fp16", "bf16"]


@dataclass(frozen=True)
class HardwarePreset:
    """What one card has and what it does natively."""

    name: str
    """The preset's name under `[hardware]`."""
    title: str
    """The card's name for people."""
    vram_mib: int
    """Least memory torch was seen to report, in MiB; 0 is not budgeted."""
    reserve_mib: int = 0
    """Memory kept for the CUDA context, allocator slack and a display, in MiB."""
    compute_capability: str | None = None
    """CUDA compute capability; None where there is no CUDA."""
    native_fp16: bool = False
    """Whether half-precision arithmetic is faster than single."""
    native_bf16: bool = False
    """Whether bf16 arithmetic is in hardware rather than emulated."""
    native_tf32: bool = False
    """Whether single-precision convolutions may run in TF32."""
    tensor_cores: bool = False
    """Whether there are matrix units."""
    triton: bool = False
    """Whether Triton, and so torch.compile's default backend, has a target for the card."""
    memory_format: MemoryFormat = "contiguous"
    """The order of tensors in memory whose kernels are the better ones."""
    bandwidth_gbs: float | None = None
    """Memory bandwidth in GB/s."""
    fp32_tflops: float | None = None
    """Single-precision TFLOP/s."""
    fp16_tflops: float | None = None
    """Half-precision TFLOP/s accumulating in single: tensor cores where there are any."""
    bf16_tflops: float | None = None
    """bf16 TFLOP/s; None where it is emulated."""
    effective_batch: int | None = None
    """Samples every optimiser step must see; None leaves it free."""
    driver_names: tuple[str, ...] = ()
    """Names by which the driver reports the card, without a leading `NVIDIA`."""
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)
    """For each figure, how it is known: `measured`, `reported`, `recalled` or `inferred`, and by
    what."""

    @property
    def budget_mib(self) -> int | None:
        """Memory a training step may take, in MiB; None where it is not budgeted."""
        return self.vram_mib - self.reserve_mib if self.vram_mib else None

    def tflops(self, precision: Precision) -> float | None:
        """TFLOP/s at which torch convolves in a precision, None where unknown.

        Without tensor cores torch computes fp16 convolutions in fp32 (cuDNN's "pseudo half"), so
        the rate of fp16 arithmetic, 1/64 on a P4, does not enter.
        """
        match precision:
            case "fp32":
                return self.fp32_tflops
            case "fp16":
                return self.fp16_tflops if self.tensor_cores else self.fp32_tflops
            case "bf16":
                return self.bf16_tflops


def with_capability(preset: HardwarePreset, capability: str) -> HardwarePreset:
    """The preset of a CUDA card with another compute capability, and what that does natively."""
    if preset.compute_capability == capability:
        return preset
    major, minor = (int(part) for part in capability.split("."))
    return replace(
        preset,
        compute_capability=capability,
        # half arithmetic is fast from Volta on, and on the P100 and the Tegras before it
        native_fp16=major >= 7 or (major, minor) in {(5, 3), (6, 0), (6, 2)},
        native_bf16=major >= 8,
        native_tf32=major >= 8,
        tensor_cores=major >= 7,
        triton=major >= 7,
        memory_format="channels_last" if major >= 7 else "contiguous",
    )


def hardware_preset(name: str) -> HardwarePreset:
    """The preset of a name.

    Raises:
        KeyError: There is no preset of that name.
    """
    return PRESETS[name]


def match_preset(driver_name: str, vram_mib: int | None = None) -> HardwarePreset | None:
    """The preset of a live card, or None.

    Args:
        driver_name: What the driver calls the card, as in `torch.cuda.get_device_name()`.
        vram_mib: The memory it reports, in MiB, to tell apart cards that share a name.
    """
    name = driver_name.strip().removeprefix("NVIDIA ").casefold()
    for preset in PRESETS.values():
        if name not in (known.casefold() for known in preset.driver_names):
            continue
        if vram_mib is None or 0.9 * preset.vram_mib <= vram_mib <= 1.15 * preset.vram_mib:
            return preset
    return None


def _shipped() -> dict[str, HardwarePreset]:
    """Every preset of the file, in its order."""
    text = files("vsr_settings.hardware").joinpath("presets.toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    usual = tables.pop("origins")
    return {name: _preset(name, table, usual) for name, table in tables.items()}


def _preset(name: str, table: dict[str, Any], usual: dict[str, str]) -> HardwarePreset:
    """One table; what is native on a CUDA card follows, and bf16 runs at fp16's rate there."""
    own = table.pop("origin", {})
    capability = table.pop("compute_capability", None)
    table["driver_names"] = tuple(table.get("driver_names", ()))
    preset = HardwarePreset(name=name, **table)
    if capability is not None:
        preset = with_capability(preset, capability)
        if preset.native_bf16:
            preset = replace(preset, bf16_tflops=preset.fp16_tflops)
    stated = {figure: origin for figure, origin in usual.items() if getattr(preset, figure)}
    return replace(preset, origins=MappingProxyType(stated | own))


PRESETS: Final[Mapping[str, HardwarePreset]] = MappingProxyType(_shipped())
"""Every preset by name."""

if TYPE_CHECKING:
    PresetName: TypeAlias = str
else:  # the names are data: pydantic, the reference and the JSON schema see each one
    PresetName = Literal[tuple(PRESETS)]
