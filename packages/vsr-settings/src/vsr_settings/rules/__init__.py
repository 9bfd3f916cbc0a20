"""Rules that no field can check alone, each with a remedy: between settings, and with the card."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Final

from vsr_settings.rules import data, device, training
from vsr_settings.rules.rule import Rule, Violation
from vsr_settings.schema import Settings

__all__ = ["RULES", "Rule", "Violation", "broken_rules", "cautions"]

RULES: Final[tuple[Rule, ...]] = (
    training.effective_batch_met,
    device.bf16_is_native,
    device.fp16_can_be_scaled,
    training.learning_rates_ordered,
    training.warmup_ends,
    training.some_loss,
    training.chunk_in_batch,
    data.digest_of_file,
    data.perceptual_file_exists,
    data.frames_of_one_source,
    data.ranges_hold_a_window,
    data.validation_held_out,
    device.memory_beyond_reserve,
    device.capability_of_cuda,
    device.device_of_preset,
    device.a_card_each,
    device.step_fits,
)


def broken_rules(
    settings: Settings, refused: Collection[str] = (), rules: Sequence[Rule] = RULES
) -> Iterator[Violation]:
    """Every rule that the settings break, with the settings it concerns.

    Args:
        settings: Settings whose world size is concrete.
        refused: Paths of settings that were refused already; rules that read one are skipped.
        rules: The rules to apply; each comes after those that it names in `after`.
    """
    broken: list[Rule] = []
    for rule in rules:
        if any(path in refused for path in rule.reads) or any(it in broken for it in rule.after):
            continue
        violations = list(rule.check(settings))
        if violations:
            broken.append(rule)
        yield from (replace(one, paths=one.paths or rule.reads) for one in violations)


def cautions(settings: Settings, *, files: bool) -> Iterator[str]:
    """A sentence for everything that resolved settings hardly mean.

    Args:
        settings: Resolved settings.
        files: Whether to look at the disk.
    """
    yield from device.cautions(settings)
    yield from data.cautions(settings, files=files)
