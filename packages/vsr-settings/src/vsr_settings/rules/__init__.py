"""Rules that no field can check alone, each with a remedy: between settings, and with the card."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Final

from vsr_settings.rules.cautions import cautions
from vsr_settings.rules.data import (
    digest_of_file,
    perceptual_file_exists,
    ranges_hold_a_window,
    validation_held_out,
)
from vsr_settings.rules.device import (
    a_card_each,
    bf16_is_native,
    capability_of_cuda,
    device_of_preset,
    fp16_can_be_scaled,
    memory_beyond_reserve,
    step_fits,
)
from vsr_settings.rules.rule import Rule, Violation
from vsr_settings.rules.training import (
    chunk_in_batch,
    effective_batch_met,
    learning_rates_ordered,
    some_loss,
    warmup_ends,
)
from vsr_settings.schema import Settings

__all__ = ["RULES", "Rule", "Violation", "broken_rules", "cautions"]

RULES: Final[tuple[Rule, ...]] = (
    effective_batch_met,
    bf16_is_native,
    fp16_can_be_scaled,
    learning_rates_ordered,
    warmup_ends,
    some_loss,
    chunk_in_batch,
    digest_of_file,
    perceptual_file_exists,
    ranges_hold_a_window,
    validation_held_out,
    memory_beyond_reserve,
    capability_of_cuda,
    device_of_preset,
    a_card_each,
    step_fits,
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
