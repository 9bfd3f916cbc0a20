"""What settings come to on the card they are planned for, as data and as text."""

from typing import Any

from vsr_settings.fields import facts, section_types
from vsr_settings.loading import Reading
from vsr_settings.memory import MIB, budget_mib, fits, predict
from vsr_settings.planned import card, effective_batch, precision
from vsr_settings.presets import HardwarePreset
from vsr_settings.schema import Settings
from vsr_settings.writing import toml_value

_ABILITIES = {
    "native_fp16": "fp16 arithmetic",
    "native_bf16": "bf16 arithmetic",
    "native_tf32": "TF32",
    "tensor_cores": "tensor cores",
    "triton": "Triton (torch.compile)",
}


def explanation(reading: Reading) -> dict[str, Any]:
    """The resolved settings, where each came from, and what the card makes of them.

    Plain values, ready for JSON.
    """
    settings = reading.settings
    planned = card(settings.hardware)
    return {
        "settings": settings.model_dump(mode="json"),
        "sources": dict(reading.sources),
        "warnings": list(reading.warnings),
        "card": {"title": planned.title, **{name: getattr(planned, name) for name in _ABILITIES}},
        "amp": amp_sentence(settings),
        "precision": precision(settings),
        "effective_batch": effective_batch(settings),
        "recompute": settings.model.recompute,
        "memory": _memory(settings),
        "budget_mib": budget_mib(settings),
        "fits": fits(settings),
    }


def explained(reading: Reading) -> str:
    """The same for people, as a page of plain text."""
    settings = reading.settings
    planned = card(settings.hardware)
    lines = [*_table(reading), "", *_memory_lines(settings), "", *_card_lines(planned)]
    lines += [
        f"AMP: {amp_sentence(settings)}",
        f"an optimiser step sees {effective_batch(settings)} samples",
    ]
    lines += [f"warning: {warning}" for warning in reading.warnings]
    return "\n".join(lines) + "\n"


def amp_sentence(settings: Settings) -> str:
    """What mixed precision will do on the card that is planned for, in one sentence."""
    planned = card(settings.hardware)
    if planned.name == "cpu" or settings.run.device == "cpu":
        if not settings.train.use_amp:
            return "off; everything on the CPU is computed and kept in fp32"
        return "bf16 on the CPU, which is slower than fp32 unless it has AVX512-BF16 or AMX"
    if not settings.train.use_amp:
        return f"off; everything is computed and kept in fp32 on the {planned.title}"
    kept = precision(settings)
    if planned.name == "mps":
        return f"activations are kept in {kept}, which halves them; gains in speed vary"
    if not planned.tensor_cores:
        return (
            f"activations are kept in {kept} but computed in fp32, since the {planned.title} has "
            "no tensor cores: it saves memory, not time"
        )
    gain = _gain(planned)
    return f"convolutions run in {kept} on tensor cores{gain}, and activations take half the memory"


def _gain(planned: HardwarePreset) -> str:
    half, single = planned.tflops("fp16"), planned.tflops("fp32")
    return f", at up to {half / single:.1f} times fp32's arithmetic" if half and single else ""


def _memory(settings: Settings) -> dict[str, int]:
    """What a training step takes, in bytes, by category, with the sums."""
    memory = predict(settings)
    sums = {"allocated": memory.allocated, "reserved": memory.reserved}
    return memory.categories() | sums


def _memory_lines(settings: Settings) -> list[str]:
    """What a training step takes, in MiB, beside what the card has for it."""
    memory, budget = predict(settings), budget_mib(settings)
    rows = {name.replace("_", " "): size for name, size in memory.categories().items()}
    kept = precision(settings)
    head = f"a training step in {kept} with recompute {settings.model.recompute!r}, predicted;"
    lines = [f"{head} at its highest in the {memory.peak_at}:"]
    lines += [f"  {name:<18}  {size / MIB:>9.1f} MiB" for name, size in rows.items()]
    verdict = (
        "" if budget is None else f" of {budget}: " + ("fits" if fits(settings) else "too much")
    )
    return [*lines, f"  {'reserved':<18}  {memory.reserved / MIB:>9.1f} MiB{verdict}"]


def _table(reading: Reading) -> list[str]:
    """Every setting with its value and source, in columns."""
    known = facts().values()
    name_width = max(len(fact.name) for fact in known)
    values = {fact.path: _value(reading.settings, fact.section, fact.name) for fact in known}
    value_width = min(32, max(len(value) for value in values.values()))
    lines: list[str] = []
    for section in section_types():
        lines += ["", f"[{section}]"] if lines else [f"[{section}]"]
        lines += [
            f"  {fact.name:<{name_width}}  {values[fact.path]:<{value_width}}  "
            f"{reading.sources[fact.path]}"
            for fact in known
            if fact.section == section
        ]
    return lines


def _value(settings: Settings, section: str, name: str) -> str:
    value = getattr(getattr(settings, section), name)
    return "-" if value is None else toml_value(value)


def _card_lines(planned: HardwarePreset) -> list[str]:
    capability = planned.compute_capability
    title = f"{planned.title}, compute capability {capability}" if capability else planned.title
    native = [words for name, words in _ABILITIES.items() if getattr(planned, name)]
    absent = [words for name, words in _ABILITIES.items() if not getattr(planned, name)]
    memory = (
        f"{planned.vram_mib} MiB - {planned.reserve_mib} MiB reserve = {planned.budget_mib} MiB "
        "for a training step"
        if planned.budget_mib is not None
        else "memory is not budgeted"
    )
    return [
        f"{title}: {memory}",
        f"native: {', '.join(native) or 'none of these'}",
        f"not native: {', '.join(absent) or 'nothing'}",
    ]
