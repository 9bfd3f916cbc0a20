"""Rules of the optimisation and the loss."""

from collections.abc import Iterator

from vsr_settings.card import card, effective_batch
from vsr_settings.memory import batch_changes, changed, fits, least_recomputation, recomputing
from vsr_settings.rules.rule import Violation, rule
from vsr_settings.schema import Settings, Train

_FAR = 100
"""A learning rate further than this from its default is not worth suggesting."""


@rule(
    "train.batch_size",
    "train.accumulation_steps",
    "train.world_size",
    "hardware.effective_batch",
    "hardware.preset",
)
def effective_batch_met(settings: Settings) -> Iterator[Violation]:
    """`batch_size × accumulation_steps × world_size` is `effective_batch`, where that is set."""
    wanted = card(settings.hardware).effective_batch
    train = settings.train
    got = effective_batch(settings)
    if wanted is None or got == wanted:
        return
    world = 1 if train.world_size == "auto" else train.world_size
    pairs = _pairs(settings, wanted, world)
    listed = ", ".join(f"{batch} × {steps}" for batch, steps in pairs)
    yield Violation(
        "batch_size × accumulation_steps × world_size must be hardware.effective_batch, "
        f"{wanted}, but {train.batch_size} × {train.accumulation_steps} × {world} is {got}",
        f"write batch_size × accumulation_steps as one of {listed}"
        if pairs
        else f"{world} processes cannot share {wanted}: set hardware.effective_batch to a multiple",
    )


def _pairs(settings: Settings, wanted: int, world: int) -> list[tuple[int, int]]:
    """Batch sizes and accumulation steps that reach an effective batch, those near first kept.

    Where some fit the card, those that do not are left out; and so are batches of fewer samples
    than VGG16 is to see at once.
    """
    if wanted % world:
        return []
    share, batch, loss = wanted // world, settings.train.batch_size, settings.loss
    every = [(size, share // size) for size in range(1, share + 1) if share % size == 0]
    allowed = [pair for pair in every if max(pair) <= 4096]
    chunk = min(loss.perceptual_chunk, batch) if loss.perceptual_weight else 1
    allowed = [pair for pair in allowed if pair[0] >= chunk] or allowed
    near = sorted(allowed, key=lambda pair: abs(pair[0] - batch))
    fitting = [pair for pair in near if _pair_fits(settings, *pair)]
    return sorted((fitting or near)[:6])


def _pair_fits(settings: Settings, batch: int, steps: int) -> bool:
    other = changed(settings, batch_changes(settings, batch, steps))
    return fits(recomputing(other, least_recomputation(other)))


@rule("train.min_lr", "train.max_lr")
def learning_rates_ordered(settings: Settings) -> Iterator[Violation]:
    """`min_lr` is at most `max_lr`."""
    low, high = settings.train.min_lr, settings.train.max_lr
    if low > high:
        yield Violation(
            f"min_lr must be at most max_lr, but they are {low:g} and {high:g}",
            _sound_rates(low, high),
        )


def _sound_rates(low: float, high: float) -> str:
    """What to write instead of learning rates in the wrong order: rates that also train."""
    usual = Train()
    lower = float(f"{min(usual.min_lr, high / 100):.2g}")
    if lower * _FAR >= usual.min_lr:
        return f"write train.min_lr = {lower:g}, or raise train.max_lr"
    if low <= usual.max_lr:
        return f"write train.max_lr = {usual.max_lr:g}, the default, or lower train.min_lr"
    return f"write train.min_lr = {usual.min_lr:g} and train.max_lr = {usual.max_lr:g}"


@rule("train.warmup_steps", "train.max_steps")
def warmup_ends(settings: Settings) -> Iterator[Violation]:
    """`warmup_steps` is less than `max_steps`."""
    warmup, steps = settings.train.warmup_steps, settings.train.max_steps
    if warmup != "auto" and warmup >= steps:
        yield Violation(
            f"warmup_steps must be less than max_steps, but they are {warmup} and {steps}",
            'write train.warmup_steps = "auto", which follows max_steps',
        )


@rule("loss.l1_weight", "loss.perceptual_weight", "loss.ms_weight", "loss.grad_weight")
def some_loss(settings: Settings) -> Iterator[Violation]:
    """At least one loss weight is above 0."""
    loss = settings.loss
    if not (loss.l1_weight or loss.ms_weight or loss.grad_weight or loss.perceptual_weight):
        yield Violation(
            "all four loss weights are 0, so there is nothing to learn from",
            "write loss.l1_weight = 1.0",
        )


@rule("loss.perceptual_chunk", "train.batch_size", "loss.perceptual_weight")
def chunk_in_batch(settings: Settings) -> Iterator[Violation]:
    """`perceptual_chunk` is at most `batch_size`, where there is a perceptual loss."""
    loss, batch = settings.loss, settings.train.batch_size
    if loss.perceptual_weight > 0 and loss.perceptual_chunk > batch:
        yield Violation(
            "perceptual_chunk must be at most train.batch_size, but they are "
            f"{loss.perceptual_chunk} and {batch}",
            f"write loss.perceptual_chunk = {_largest_chunk(settings)}",
        )


def _largest_chunk(settings: Settings) -> int:
    """The most samples that VGG16 can see at once and still fit the card; the batch if none do."""
    batch = settings.train.batch_size
    for chunk in range(batch, 0, -1):
        other = changed(settings, {"loss.perceptual_chunk": chunk})
        if fits(recomputing(other, least_recomputation(other))):
            return chunk
    return batch
