"""Hardware presets as data: what each card has, what it does natively, and how we know.

Figures are those of the settings' planning, not of a data sheet's best case: memory is the least
that torch was seen to report, and tensor figures accumulate in fp32 as torch does. The status of a
figure is REPORTED (a public log or the vendor's page, not measured by this project), RECALLED (a
vendor's figure from memory) or INFERRED (reasoned from the two).
"""

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal, get_args

PresetName = Literal[
    "tesla-p4",
    "tesla-p40",
    "p100-16",
    "t4",
    "v100-16",
    "gtx-1080-ti",
    "rtx-2060",
    "rtx-2080-ti",
    "rtx-3060",
    "rtx-3080-10",
    "rtx-3090",
    "rtx-4060",
    "rtx-4070",
    "rtx-4090",
    "rtx-5090",
    "l4",
    "a10",
    "a100-40",
    "a100-80",
    "h100",
    "h200",
    "mps",
    "cpu",
]
MemoryFormat = Literal["contiguous", "channels_last"]
Precision = Literal["fp32", "fp16", "bf16"]

REPORTED = "REPORTED"
RECALLED = "RECALLED"
INFERRED = "INFERRED"


@dataclass(frozen=True)
class HardwarePreset:
    """What one card has and what it does natively."""

    name: str
    """The preset's name under `[hardware]`."""
    title: str
    """The card's name for people."""
    vram_mib: int
    """Least memory torch was seen to report, in MiB; 0 is not budgeted."""
    reserve_mib: int
    """Memory kept for the CUDA context, allocator slack and a display, in MiB."""
    compute_capability: str | None
    """CUDA compute capability; None where there is no CUDA."""
    native_fp16: bool
    """Whether half-precision arithmetic is faster than single."""
    native_bf16: bool
    """Whether bf16 arithmetic is in hardware rather than emulated."""
    native_tf32: bool
    """Whether single-precision convolutions may run in TF32."""
    tensor_cores: bool
    """Whether there are matrix units."""
    triton: bool
    """Whether Triton, and so torch.compile's default backend, has a target for the card."""
    memory_format: MemoryFormat
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
    status: MappingProxyType[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """For each figure, how it is known."""

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
    major, minor = (int(part) for part in capability.split("."))
    if preset.compute_capability == capability:
        return preset
    return replace(
        preset,
        compute_capability=capability,
        native_fp16=_fast_half(major, minor),
        native_bf16=major >= 8,
        native_tf32=major >= 8,
        tensor_cores=major >= 7,
        triton=major >= 7,
        memory_format="channels_last" if major >= 7 else "contiguous",
    )


def _fast_half(major: int, minor: int) -> bool:
    """Half arithmetic is fast from Volta on, and on the P100 and the Tegras before it."""
    return major >= 7 or (major, minor) in {(5, 3), (6, 0), (6, 2)}


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


def _card(
    name: str,
    title: str,
    capability: str,
    *,
    vram: int,
    reserve: int,
    bandwidth: float,
    fp32: float,
    fp16: float,
    driver_names: tuple[str, ...],
    effective_batch: int | None = None,
    **status: str,
) -> HardwarePreset:
    """A CUDA card's preset; bf16 runs at fp16's rate where it is native."""
    bare = HardwarePreset(
        name=name,
        title=title,
        vram_mib=vram,
        reserve_mib=reserve,
        compute_capability=None,
        native_fp16=False,
        native_bf16=False,
        native_tf32=False,
        tensor_cores=False,
        triton=False,
        memory_format="contiguous",
        bandwidth_gbs=bandwidth,
        fp32_tflops=fp32,
        fp16_tflops=fp16,
        effective_batch=effective_batch,
        driver_names=driver_names,
    )
    card = with_capability(bare, capability)
    known = _USUAL | status
    if not card.native_bf16:
        del known["bf16_tflops"]
    return replace(
        card,
        bf16_tflops=fp16 if card.native_bf16 else None,
        status=MappingProxyType(known),
    )


_USUAL = {
    "vram_mib": f"{REPORTED}: torch's total_memory in public logs, the least seen on Linux",
    "reserve_mib": f"{INFERRED}: context, slack of 2 % and, on GeForce, 256 MiB of display",
    "compute_capability": f"{REPORTED}: CUDA programming guide",
    "bandwidth_gbs": f"{RECALLED}: vendor's data sheet",
    "fp32_tflops": f"{RECALLED}: vendor's data sheet, boost clock",
    "fp16_tflops": f"{RECALLED}: vendor's data sheet, dense, fp32 accumulation",
    "bf16_tflops": f"{RECALLED}: vendor's data sheet, dense; the rate of fp16",
    "memory_format": f"{INFERRED}: cuDNN's NHWC kernels are made for tensor cores",
}

# Contexts: 400 MiB up to Turing, 500 from Ampere on (REPORTED 300–450 with lazy loading; the newer
# libraries carry more kernels). Slack: 2 % of the memory, at least 150 MiB. Display: 256 MiB.
_CARDS = (
    _card(
        "tesla-p4", "Tesla P4 (8 GB)", "6.1",
        vram=7611, reserve=550, bandwidth=192, fp32=5.5, fp16=0.089,
        effective_batch=16,
        driver_names=("Tesla P4",),
        vram_mib=f"{REPORTED}: nvidia-smi with ECC on, drivers 410–460; newer ones say 7680",
        reserve_mib=f"{INFERRED}: 400 of context + 150 of slack, which leaves 7061; measure it",
        bandwidth_gbs=f"{REPORTED}: GDDR5, 256 bit",
        fp32_tflops=f"{REPORTED}: launch figure; 5.44 at 1063 MHz, 5.70 at 1114 MHz",
        fp16_tflops=f"{REPORTED}: 1/64 of fp32; torch computes fp16 in fp32 instead",
    ),
    _card(
        "tesla-p40", "Tesla P40 (24 GB)", "6.1",
        vram=22919, reserve=860, bandwidth=346, fp32=11.8, fp16=0.18,
        driver_names=("Tesla P40",),
        vram_mib=f"{RECALLED}: with ECC on; 24446 REPORTED with ECC off",
        fp16_tflops=f"{RECALLED}: 1/64 of fp32; torch computes fp16 in fp32 instead",
    ),
    _card(
        "p100-16", "Tesla P100 (16 GB)", "6.0",
        vram=16269, reserve=730, bandwidth=732, fp32=9.3, fp16=18.7,
        driver_names=("Tesla P100-PCIE-16GB", "Tesla P100-SXM2-16GB"),
        fp16_tflops=f"{RECALLED}: twice fp32; torch's convolutions compute fp16 in fp32 instead",
    ),
    _card(
        "t4", "Tesla T4 (16 GB)", "7.5",
        vram=14912, reserve=700, bandwidth=320, fp32=8.1, fp16=65,
        driver_names=("Tesla T4", "T4"),
        vram_mib=f"{REPORTED}: 15110 to 14912, less with newer drivers",
        fp32_tflops=f"{REPORTED}: 8.14, public requirement tables",
        fp16_tflops=f"{REPORTED}: 65.1, public requirement tables",
        bandwidth_gbs=f"{REPORTED}: public requirement tables",
    ),
    _card(
        "v100-16", "Tesla V100 (16 GB)", "7.0",
        vram=16130, reserve=730, bandwidth=900, fp32=15.7, fp16=125,
        driver_names=("Tesla V100-SXM2-16GB", "Tesla V100-PCIE-16GB"),
    ),
    _card(
        "gtx-1080-ti", "GeForce GTX 1080 Ti (11 GB)", "6.1",
        vram=11172, reserve=880, bandwidth=484, fp32=11.3, fp16=0.18,
        driver_names=("GeForce GTX 1080 Ti",),
        fp16_tflops=f"{RECALLED}: 1/64 of fp32; torch computes fp16 in fp32 instead",
    ),
    _card(
        "rtx-2060", "GeForce RTX 2060 (6 GB)", "7.5",
        vram=5918, reserve=806, bandwidth=336, fp32=6.5, fp16=26,
        driver_names=("GeForce RTX 2060",),
    ),
    _card(
        "rtx-2080-ti", "GeForce RTX 2080 Ti (11 GB)", "7.5",
        vram=11012, reserve=876, bandwidth=616, fp32=13.4, fp16=54,
        driver_names=("GeForce RTX 2080 Ti",),
        fp16_tflops=f"{REPORTED}: 53.4 measured in public",
    ),
    _card(
        "rtx-3060", "GeForce RTX 3060 (12 GB)", "8.6",
        vram=11910, reserve=994, bandwidth=360, fp32=12.7, fp16=25.5,
        driver_names=("GeForce RTX 3060",),
    ),
    _card(
        "rtx-3080-10", "GeForce RTX 3080 (10 GB)", "8.6",
        vram=9984, reserve=956, bandwidth=760, fp32=29.8, fp16=59.5,
        driver_names=("GeForce RTX 3080",),
        vram_mib=f"{REPORTED}: 9.75 to 9.77 GiB",
    ),
    _card(
        "rtx-3090", "GeForce RTX 3090 (24 GB)", "8.6",
        vram=24139, reserve=1239, bandwidth=936, fp32=35.6, fp16=71,
        driver_names=("GeForce RTX 3090",),
    ),
    _card(
        "rtx-4060", "GeForce RTX 4060 (8 GB)", "8.9",
        vram=7807, reserve=912, bandwidth=272, fp32=15.1, fp16=30,
        driver_names=("GeForce RTX 4060",),
    ),
    _card(
        "rtx-4070", "GeForce RTX 4070 (12 GB)", "8.9",
        vram=11994, reserve=996, bandwidth=504, fp32=29.1, fp16=58,
        driver_names=("GeForce RTX 4070",),
    ),
    _card(
        "rtx-4090", "GeForce RTX 4090 (24 GB)", "8.9",
        vram=24177, reserve=1240, bandwidth=1008, fp32=82.6, fp16=165,
        driver_names=("GeForce RTX 4090",),
        fp16_tflops=f"{REPORTED}: 165.2, public hardware tables",
    ),
    _card(
        "rtx-5090", "GeForce RTX 5090 (32 GB)", "12.0",
        vram=32120, reserve=1398, bandwidth=1792, fp32=104.8, fp16=209.5,
        driver_names=("GeForce RTX 5090",),
        compute_capability=f"{REPORTED}: needs torch built with CUDA 12.8 or newer",
        fp16_tflops=f"{REPORTED}: twice fp32 measured in public",
    ),
    _card(
        "l4", "L4 (24 GB)", "8.9",
        vram=22563, reserve=951, bandwidth=300, fp32=30.3, fp16=121,
        driver_names=("L4",),
        fp16_tflops=f"{REPORTED}: public hardware tables say 125",
    ),
    _card(
        "a10", "A10 (24 GB)", "8.6",
        vram=22579, reserve=952, bandwidth=600, fp32=31.2, fp16=125,
        driver_names=("A10",),
        vram_mib=f"{REPORTED}: 22.05 to 22.09 GiB",
    ),
    _card(
        "a100-40", "A100 (40 GB)", "8.0",
        vram=40441, reserve=1309, bandwidth=1555, fp32=19.5, fp16=312,
        driver_names=("A100-SXM4-40GB", "A100-PCIE-40GB"),
        fp32_tflops=f"{REPORTED}: public requirement tables",
        bandwidth_gbs=f"{REPORTED}: public requirement tables",
    ),
    _card(
        "a100-80", "A100 (80 GB)", "8.0",
        vram=81038, reserve=2121, bandwidth=1935, fp32=19.5, fp16=312,
        driver_names=("A100-SXM4-80GB", "A100 80GB PCIe"),
        bandwidth_gbs=f"{RECALLED}: PCIe's; 2039 for SXM",
    ),
    _card(
        "h100", "H100 SXM (80 GB)", "9.0",
        vram=80998, reserve=2120, bandwidth=3350, fp32=67, fp16=989,
        driver_names=("H100 80GB HBM3",),
        vram_mib=f"{REPORTED}: 79.1 to 79.3 GiB",
        fp16_tflops=f"{REPORTED}: public engineering notes",
    ),
    _card(
        "h200", "H200 (141 GB)", "9.0",
        vram=143156, reserve=3363, bandwidth=4800, fp32=67, fp16=989,
        driver_names=("H200",),
        fp16_tflops=f"{REPORTED}: public engineering notes",
    ),
)  # fmt: skip

_MPS = HardwarePreset(
    name="mps",
    title="Apple silicon (mps)",
    vram_mib=0,
    reserve_mib=0,
    compute_capability=None,
    native_fp16=True,
    native_bf16=True,
    native_tf32=False,
    tensor_cores=False,
    triton=False,
    memory_format="contiguous",
    bandwidth_gbs=68,
    fp32_tflops=2.6,
    fp16_tflops=2.6,
    bf16_tflops=2.6,
    status=MappingProxyType(
        {
            "vram_mib": f"{REPORTED}: shared with the system, about 65 to 75 % of it; not budgeted",
            "native_bf16": f"{REPORTED}: from macOS 14 on",
            "bandwidth_gbs": f"{RECALLED}: M1, the least; 546 for an M4 Max",
            "fp32_tflops": f"{RECALLED}: M1, the least; about 18 for an M4 Max",
            "fp16_tflops": f"{RECALLED}: about that of fp32",
            "bf16_tflops": f"{RECALLED}: about that of fp32",
            "memory_format": f"{INFERRED}: no kernels of its own for the other order",
        }
    ),
)
_CPU = HardwarePreset(
    name="cpu",
    title="CPU, no card",
    vram_mib=0,
    reserve_mib=0,
    compute_capability=None,
    native_fp16=False,
    native_bf16=False,
    native_tf32=False,
    tensor_cores=False,
    triton=False,
    memory_format="channels_last",
    status=MappingProxyType(
        {
            "vram_mib": f"{INFERRED}: the system's memory; not budgeted",
            "native_bf16": f"{REPORTED}: only with AVX512-BF16 or AMX",
            "memory_format": f"{REPORTED}: 0.57 of the plain step against 0.64, 64×24, fp32",
        }
    ),
)

PRESETS: MappingProxyType[str, HardwarePreset] = MappingProxyType(
    {preset.name: preset for preset in (*_CARDS, _MPS, _CPU)}
)
"""Every preset by name, in the order of `PresetName`."""

PRESET_NAMES: tuple[str, ...] = get_args(PresetName)
