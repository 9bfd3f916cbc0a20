"""Rules that no field can check alone, each with a remedy: between settings, and with the card.

A rule names the settings it reads, so that it stays silent while one of them is itself refused.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from vsr_settings.disk import has_patches, is_file, same_path
from vsr_settings.memory import (
    alternatives_to,
    batch_changes,
    budget_mib,
    changed,
    fits,
    least_recomputation,
    needed_text,
    recomputing,
)
from vsr_settings.planned import card, effective_batch
from vsr_settings.schema import Settings


@dataclass(frozen=True)
class Finding:
    """What a rule found wrong: the settings concerned, the rule, and what to write instead."""

    paths: tuple[str, ...]
    """The settings concerned; the message points at the first that somebody wrote."""
    rule: str
    """What must hold, and the values that break it."""
    remedy: str


@dataclass(frozen=True)
class Rule:
    """A check, and the settings it reads."""

    reads: tuple[str, ...]
    check: Callable[[Settings], Iterator[Finding]]
    files: bool = False
    """Whether it looks at the disk."""


def broken_rules(
    settings: Settings, refused: Collection[str] = (), *, files: bool = True
) -> Iterator[Finding]:
    """Every rule that the settings break.

    Args:
        settings: Settings whose world size is concrete.
        refused: Paths of settings that were refused already; rules that read one are skipped.
        files: Whether to apply the rules that look at the disk.
    """
    for rule in RULES:
        judged = files or not rule.files
        if judged and not any(path in refused for path in rule.reads):
            yield from rule.check(settings)


def cautions(settings: Settings) -> Iterator[str]:
    """What is allowed, but seldom meant.

    Args:
        settings: Resolved settings.
    """
    if not fits(settings):
        yield f"{over_budget(settings)}; hardware.allow_over_budget lets it start"
    planned = card(settings.hardware)
    slow_order = planned.compute_capability is not None and not planned.tensor_cores
    if slow_order and planned.memory_format == "channels_last":
        yield (
            f"hardware.memory_format is 'channels_last', for which cuDNN has few kernels on a "
            f"{planned.title}; 'contiguous' is faster there"
        )
    if settings.train.use_amp and settings.train.amp_dtype == "fp16" and _on_cpu(settings):
        yield (
            "train.amp_dtype is 'fp16', which is slow on the CPU; 'auto' takes bf16 there and "
            "what the card does natively elsewhere"
        )


def _on_cpu(settings: Settings) -> bool:
    return settings.run.device == "cpu" or (
        settings.run.device == "auto" and settings.hardware.preset == "cpu"
    )


def _effective_batch(settings: Settings) -> Iterator[Finding]:
    """`batch_size × accumulation_steps × world_size` is `effective_batch`, where that is set."""
    wanted = card(settings.hardware).effective_batch
    train = settings.train
    got = effective_batch(settings)
    if wanted is None or got == wanted:
        return
    world = 1 if train.world_size == "auto" else train.world_size
    pairs = _pairs(settings, wanted, world)
    listed = ", ".join(f"{batch} × {steps}" for batch, steps in pairs)
    yield Finding(
        ("train.batch_size", "train.accumulation_steps", "train.world_size"),
        "batch_size × accumulation_steps × world_size must be hardware.effective_batch, "
        f"{wanted}, but {train.batch_size} × {train.accumulation_steps} × {world} is {got}",
        f"write batch_size × accumulation_steps as one of {listed}"
        if pairs
        else f"{world} processes cannot share {wanted}: set hardware.effective_batch to a multiple",
    )


def _pairs(settings: Settings, wanted: int, world: int) -> list[tuple[int, int]]:
    """Batch sizes and accumulation steps that reach an effective batch, those near first kept.

    Where some fit the card, those that do not are left out.
    """
    if wanted % world:
        return []
    share, batch = wanted // world, settings.train.batch_size
    every = [(size, share // size) for size in range(1, share + 1) if share % size == 0]
    allowed = [pair for pair in every if max(pair) <= 4096]
    near = sorted(allowed, key=lambda pair: abs(pair[0] - batch))
    fitting = [pair for pair in near if _pair_fits(settings, *pair)]
    return sorted((fitting or near)[:6])


def _pair_fits(settings: Settings, batch: int, steps: int) -> bool:
    other = changed(settings, batch_changes(settings, batch, steps))
    return fits(recomputing(other, least_recomputation(other)))


def _native_bf16(settings: Settings) -> Iterator[Finding]:
    """`amp_dtype = "bf16"` needs a card that has it in hardware: compute capability 8.0."""
    planned = card(settings.hardware)
    wants = settings.train.use_amp and settings.train.amp_dtype == "bf16"
    emulated = planned.compute_capability is not None and not planned.native_bf16
    if wants and emulated and settings.run.device != "cpu":
        yield Finding(
            ("train.amp_dtype", "hardware.compute_capability", "hardware.preset"),
            "'bf16' is in hardware from compute capability 8.0 on, but a "
            f"{planned.title} has {planned.compute_capability}, and torch emulates it, very slowly",
            "write train.amp_dtype = \"fp16\", which takes the same memory, or 'auto'",
        )


def _learning_rates(settings: Settings) -> Iterator[Finding]:
    """`min_lr` is at most `max_lr`."""
    low, high = settings.train.min_lr, settings.train.max_lr
    if low > high:
        yield Finding(
            ("train.min_lr", "train.max_lr"),
            f"min_lr must be at most max_lr, but they are {low:g} and {high:g}",
            f"write train.min_lr = {high / 100:g}, or raise train.max_lr",
        )


def _warmup(settings: Settings) -> Iterator[Finding]:
    """`warmup_steps` is less than `max_steps`."""
    warmup, steps = settings.train.warmup_steps, settings.train.max_steps
    if warmup != "auto" and warmup >= steps:
        yield Finding(
            ("train.warmup_steps", "train.max_steps"),
            f"warmup_steps must be less than max_steps, but they are {warmup} and {steps}",
            'write train.warmup_steps = "auto", which follows max_steps',
        )


def _some_loss(settings: Settings) -> Iterator[Finding]:
    """At least one loss weight is above 0."""
    loss = settings.loss
    if not (loss.l1_weight or loss.ms_weight or loss.grad_weight or loss.perceptual_weight):
        yield Finding(
            (
                "loss.l1_weight",
                "loss.perceptual_weight",
                "loss.ms_weight",
                "loss.grad_weight",
            ),
            "all four loss weights are 0, so there is nothing to learn from",
            "write loss.l1_weight = 1.0",
        )


def _perceptual(settings: Settings) -> Iterator[Finding]:
    """`perceptual_chunk` is at most `batch_size`, where there is a perceptual loss."""
    loss, batch = settings.loss, settings.train.batch_size
    if loss.perceptual_weight > 0 and loss.perceptual_chunk > batch:
        yield Finding(
            ("loss.perceptual_chunk", "train.batch_size"),
            "perceptual_chunk must be at most train.batch_size, but they are "
            f"{loss.perceptual_chunk} and {batch}",
            f"write loss.perceptual_chunk = {batch}",
        )


def _perceptual_trust(settings: Settings) -> Iterator[Finding]:
    """`perceptual_sha256` goes with a file in `perceptual_weights`."""
    loss = settings.loss
    if loss.perceptual_sha256 is not None and loss.perceptual_weights == "imagenet":
        yield Finding(
            ("loss.perceptual_sha256", "loss.perceptual_weights"),
            "perceptual_sha256 vouches for a file, but perceptual_weights is 'imagenet', whose "
            "digest is known",
            "leave it out, or name the file in loss.perceptual_weights",
        )


def _perceptual_file(settings: Settings) -> Iterator[Finding]:
    """`perceptual_weights` is `imagenet` or exists, where there is a perceptual loss."""
    loss = settings.loss
    if loss.perceptual_weight == 0 or loss.perceptual_weights == "imagenet":
        return
    if not is_file(loss.perceptual_weights):
        yield Finding(
            ("loss.perceptual_weights", "loss.perceptual_weight"),
            "perceptual_weights must be 'imagenet' or the path of a file that exists, got "
            f"{loss.perceptual_weights!r}",
            "mend the path, or write loss.perceptual_weight = 0 to train without VGG16",
        )


def _frame_ranges(settings: Settings) -> Iterator[Finding]:
    """`train_frames` and `val_frames` hold at least one window of `n_frames`."""
    frames = settings.model.n_frames
    data = settings.data
    for name, text in (("train_frames", data.train_frames), ("val_frames", data.val_frames)):
        first, stop = _range(text)
        if stop - first >= frames:
            continue
        length = max(0, int(stop - first))
        yield Finding(
            (f"data.{name}", "model.n_frames"),
            f"{name} must hold a window of model.n_frames, {frames}, but {text!r} holds {length}",
            f'write data.{name} = "{first}:{first + frames}" or longer',
        )


def _held_out(settings: Settings) -> Iterator[Finding]:
    """No frame is both trained on and validated; `demo` and `Patches/` see to it themselves."""
    data = settings.data
    if data.train == "demo" or not same_path(data.train, data.val):
        return
    if has_patches(data.train):
        return
    train, val = _range(data.train_frames), _range(data.val_frames)
    empty = train[0] >= train[1] or val[0] >= val[1]
    if empty or train[1] <= val[0] or val[1] <= train[0]:
        return
    yield Finding(
        ("data.val_frames", "data.train_frames", "data.val", "data.train"),
        f"what is validated must not be trained on, but val_frames, {data.val_frames!r}, and "
        f"train_frames, {data.train_frames!r}, share frames of {data.train!r}",
        'write data.train_frames = ":64" and data.val_frames = "64:", or another data.val',
    )


def _range(text: str) -> tuple[int, float]:
    first, _, stop = text.partition(":")
    return int(first or 0), int(stop) if stop else float("inf")


def _memory(settings: Settings) -> Iterator[Finding]:
    """`vram_mib` is more than `reserve_mib`; 0 is not budgeted, on the CPU and mps."""
    planned = card(settings.hardware)
    if planned.vram_mib == 0 and planned.name in {"cpu", "mps"}:
        return
    if planned.reserve_mib >= planned.vram_mib:
        yield Finding(
            ("hardware.vram_mib", "hardware.reserve_mib", "hardware.preset"),
            f"vram_mib must be more than reserve_mib, but they are {planned.vram_mib} and "
            f"{planned.reserve_mib}",
            "leave both out to take the preset's, or write what the driver reports",
        )


def _capability(settings: Settings) -> Iterator[Finding]:
    """`compute_capability` is for CUDA cards."""
    hardware = settings.hardware
    if hardware.preset in {"cpu", "mps"} and hardware.compute_capability is not None:
        yield Finding(
            ("hardware.compute_capability", "hardware.preset"),
            f"a compute capability, {hardware.compute_capability!r}, is a CUDA card's, but preset "
            f"is {hardware.preset!r}",
            "leave it out, or choose the preset of a CUDA card",
        )


def _device(settings: Settings) -> Iterator[Finding]:
    """`device` goes with `preset`; the CPU goes with every one."""
    preset = settings.hardware.preset
    device = settings.run.device
    kind = device.partition(":")[0]
    if kind == "cuda" and preset in {"cpu", "mps"}:
        remedy = 'write the card\'s name as hardware.preset, or run.device = "auto"'
    elif kind == "mps" and preset != "mps":
        remedy = 'write hardware.preset = "mps", or run.device = "auto"'
    else:
        return
    yield Finding(
        ("run.device", "hardware.preset"),
        f"the device {device!r} does not go with hardware.preset, {preset!r}",
        remedy,
    )


def _budget(settings: Settings) -> Iterator[Finding]:
    """A training step is predicted to fit the card; `allow_over_budget` makes it a warning."""
    if settings.hardware.allow_over_budget or _judged_otherwise(settings):
        return
    least = recomputing(settings, least_recomputation(settings))
    if fits(least):
        return
    rows = [(f"write {each.text}", each) for each in alternatives_to(settings)]
    width = max((len(text) for text, _ in rows), default=0)
    table = "".join(
        f"\n    {text:<{width}}  {each.needed_mib:>6} MiB, recompute {each.recompute!r}"
        for text, each in rows
    )
    yield Finding(
        (*_SIZES, "hardware.vram_mib", "hardware.reserve_mib", "hardware.preset"),
        over_budget(least),
        f"at the same effective batch these fit, cheapest change first:{table}\n"
        "    or write hardware.allow_over_budget = true, if you know better"
        if rows
        else "no smaller patch or network fits it; choose another hardware.preset",
    )


def over_budget(settings: Settings) -> str:
    """What a step needs and what the card has, in one sentence."""
    planned = card(settings.hardware)
    return (
        f"a training step needs {needed_text(settings)} with recompute "
        f"{settings.model.recompute!r}, but a {planned.title} has {budget_mib(settings)} MiB for "
        f"it ({planned.vram_mib} less {planned.reserve_mib} in reserve)"
    )


def _judged_otherwise(settings: Settings) -> bool:
    """Whether another rule refuses what memory depends on, and its remedy comes first."""
    first = (_effective_batch, _native_bf16, _perceptual, _memory, _device)
    return any(True for check in first for _ in check(settings))


_SIZES = (
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
)
_HARDWARE = tuple(
    f"hardware.{name}"
    for name in ("preset", "vram_mib", "reserve_mib", "compute_capability", "effective_batch")
)
RULES: tuple[Rule, ...] = (
    Rule(
        (*_HARDWARE, "train.batch_size", "train.accumulation_steps", "train.world_size"),
        _effective_batch,
    ),
    Rule((*_HARDWARE, "train.use_amp", "train.amp_dtype", "run.device"), _native_bf16),
    Rule(("train.min_lr", "train.max_lr"), _learning_rates),
    Rule(("train.warmup_steps", "train.max_steps"), _warmup),
    Rule(
        ("loss.l1_weight", "loss.ms_weight", "loss.grad_weight", "loss.perceptual_weight"),
        _some_loss,
    ),
    Rule(("loss.perceptual_weight", "loss.perceptual_chunk", "train.batch_size"), _perceptual),
    Rule(("loss.perceptual_sha256", "loss.perceptual_weights"), _perceptual_trust),
    Rule(("loss.perceptual_weight", "loss.perceptual_weights"), _perceptual_file, files=True),
    Rule(("model.n_frames", "data.train_frames", "data.val_frames"), _frame_ranges),
    Rule(("data.train", "data.val", "data.train_frames", "data.val_frames"), _held_out, files=True),
    Rule(_HARDWARE, _memory),
    Rule(("hardware.preset", "hardware.compute_capability"), _capability),
    Rule(("hardware.preset", "run.device"), _device),
    Rule(
        (*_HARDWARE, *_SIZES, "train.accumulation_steps", "train.world_size", "run.device"),
        _budget,
    ),
)
