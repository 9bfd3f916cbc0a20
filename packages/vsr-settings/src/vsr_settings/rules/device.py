"""Rules of the card and the device: what they do natively, what fits them, what is hardly meant."""

from collections.abc import Iterator

from vsr_settings.card import FROM_PRESET, card
from vsr_settings.memory import (
    alternatives_to,
    budget_mib,
    fits,
    least_recomputation,
    needed_text,
    recomputing,
)
from vsr_settings.precision import device_of
from vsr_settings.rules.rule import Violation, rule
from vsr_settings.rules.training import chunk_in_batch, effective_batch_met
from vsr_settings.schema import Settings

_NO_CUDA = frozenset({"cpu", "mps"})


@rule(
    "train.amp_dtype",
    "hardware.compute_capability",
    "hardware.preset",
    "train.use_amp",
    "run.device",
)
def bf16_is_native(settings: Settings) -> Iterator[Violation]:
    """`amp_dtype = "bf16"` needs a card that has it in hardware: compute capability 8.0."""
    itself = card(settings.hardware)
    wanted = settings.train.use_amp and settings.train.amp_dtype == "bf16"
    if wanted and device_of(settings).kind == "cuda" and not itself.native_bf16:
        yield Violation(
            "'bf16' is in hardware from compute capability 8.0 on, but a "
            f"{itself.title} has {itself.compute_capability}, and torch emulates it, very slowly",
            "write train.amp_dtype = \"fp16\", which takes the same memory, or 'auto'",
        )


@rule("train.amp_dtype", "run.device", "hardware.preset", "train.use_amp")
def fp16_can_be_scaled(settings: Settings) -> Iterator[Violation]:
    """`amp_dtype = "fp16"` is not for mps: torch scales fp16's losses on CUDA and CPUs alone."""
    wanted = settings.train.use_amp and settings.train.amp_dtype == "fp16"
    if wanted and device_of(settings).kind == "mps":
        yield Violation(
            "'fp16' needs its losses scaled, which torch does on CUDA and CPUs alone, not on mps",
            'write train.amp_dtype = "auto", which is bf16 there',
        )


@rule("hardware.vram_mib", "hardware.reserve_mib", "hardware.preset")
def memory_beyond_reserve(settings: Settings) -> Iterator[Violation]:
    """`vram_mib` is more than `reserve_mib`; 0 is not budgeted, on the CPU and mps."""
    itself = card(settings.hardware)
    if itself.vram_mib == 0 and itself.name in _NO_CUDA:
        return
    if itself.reserve_mib >= itself.vram_mib:
        yield Violation(
            f"vram_mib must be more than reserve_mib, but they are {itself.vram_mib} and "
            f"{itself.reserve_mib}",
            "leave both out to take the preset's, or write what the driver reports",
        )


@rule("hardware.compute_capability", "hardware.preset")
def capability_of_cuda(settings: Settings) -> Iterator[Violation]:
    """`compute_capability` is for CUDA cards."""
    hardware = settings.hardware
    if hardware.preset in _NO_CUDA and hardware.compute_capability is not None:
        yield Violation(
            f"a compute capability, {hardware.compute_capability!r}, is a CUDA card's, but preset "
            f"is {hardware.preset!r}",
            "leave it out, or choose the preset of a CUDA card",
        )


@rule("run.device", "hardware.preset")
def device_of_preset(settings: Settings) -> Iterator[Violation]:
    """`device` goes with `preset`; the CPU goes with every one."""
    preset, device = settings.hardware.preset, settings.run.device
    kind = device.partition(":")[0]
    if kind == "cuda" and preset in _NO_CUDA:
        remedy = 'write the card\'s name as hardware.preset, or run.device = "auto"'
    elif kind == "mps" and preset != "mps":
        remedy = 'write hardware.preset = "mps", or run.device = "auto"'
    else:
        return
    yield Violation(f"the device {device!r} does not go with hardware.preset, {preset!r}", remedy)


@rule("run.device", "train.world_size")
def a_card_each(settings: Settings) -> Iterator[Violation]:
    """`device = "cuda:N"` is for one process; of several, each takes the card of its own number."""
    device, world = settings.run.device, settings.train.world_size
    if device.startswith("cuda:") and world not in ("auto", 1):
        yield Violation(
            f"{world} processes cannot share one card, {device!r}: each takes the one of its own "
            "number on its machine",
            'write run.device = "cuda"',
        )


@rule(
    "model.n_feats",
    "model.n_blocks",
    "model.n_frames",
    "model.scale",
    "data.patch",
    "train.batch_size",
    "train.use_amp",
    "train.amp_dtype",
    "model.recompute",
    "loss.perceptual_weight",
    "loss.perceptual_chunk",
    "hardware.preset",
    *(f"hardware.{name}" for name in FROM_PRESET),
    "train.accumulation_steps",
    "train.world_size",
    "run.device",
    after=(
        effective_batch_met,
        bf16_is_native,
        fp16_can_be_scaled,
        chunk_in_batch,
        memory_beyond_reserve,
        device_of_preset,
    ),
)
def step_fits(settings: Settings) -> Iterator[Violation]:
    """A training step is predicted to fit the card; `allow_over_budget` makes it a warning."""
    least = recomputing(settings, least_recomputation(settings))
    if settings.hardware.allow_over_budget or fits(least):
        return
    rows = [(f"write {each.text}", each) for each in alternatives_to(settings)]
    width = max((len(text) for text, _ in rows), default=0)
    table = "".join(
        f"\n    {text:<{width}}  {each.needed_mib:>6} MiB, recompute {each.recompute!r}"
        for text, each in rows
    )
    yield Violation(
        over_budget(least),
        f"at the same effective batch these fit, cheapest change first:{table}\n"
        "    or write hardware.allow_over_budget = true, if you know better"
        if rows
        else "no smaller patch or network fits it; choose another hardware.preset",
    )


def over_budget(settings: Settings) -> str:
    """What a step needs and what the card has, in one sentence."""
    itself = card(settings.hardware)
    return (
        f"a training step needs {needed_text(settings)} with recompute "
        f"{settings.model.recompute!r}, but a {itself.title} has {budget_mib(settings)} MiB for "
        f"it ({itself.vram_mib} less {itself.reserve_mib} in reserve)"
    )


def cautions(settings: Settings) -> Iterator[str]:
    """A sentence for everything about the card that resolved settings hardly mean."""
    if not fits(settings):
        yield f"{over_budget(settings)}; hardware.allow_over_budget lets it start"
    itself = card(settings.hardware)
    slow_order = itself.compute_capability is not None and not itself.tensor_cores
    if slow_order and itself.memory_format == "channels_last":
        yield (
            f"hardware.memory_format is 'channels_last', for which cuDNN has few kernels on a "
            f"{itself.title}; 'contiguous' is faster there"
        )
    half = settings.train.use_amp and settings.train.amp_dtype == "fp16"
    if half and device_of(settings).kind == "cpu":
        yield (
            "train.amp_dtype is 'fp16', which is slow on the CPU; 'auto' takes bf16 there and "
            "what the card does natively elsewhere"
        )
