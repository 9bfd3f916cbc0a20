"""`explain`: every setting with its source, and what settings come to on the card they are for."""

import argparse
import json
from collections.abc import Iterator
from typing import Any, Final

from vsr_settings.card import FROM_PRESET, card, effective_batch
from vsr_settings.commands.arguments import Commands, add_set
from vsr_settings.degradation import pipeline_of
from vsr_settings.errors import ExitCode
from vsr_settings.fields import Fact, facts, section_types, table_facts
from vsr_settings.hardware.presets import hardware_preset
from vsr_settings.memory import MIB, budget_mib, fits, predict
from vsr_settings.precision import device_of, precision
from vsr_settings.reading import LoadedSettings, read
from vsr_settings.schema import Settings
from vsr_settings.section import Section
from vsr_settings.writing import toml_value

_ABILITIES: Final = {
    "native_fp16": "fp16 arithmetic",
    "native_bf16": "bf16 arithmetic",
    "native_tf32": "TF32",
    "tensor_cores": "tensor cores",
    "triton": "Triton (torch.compile)",
}


def add_to(commands: Commands) -> None:
    """Add the command and its options."""
    command = commands.add_parser("explain", help="show resolved settings and their sources")
    command.add_argument("file", nargs="?", metavar="FILE", help="a TOML file")
    command.add_argument("--json", action="store_true", help="print JSON")
    add_set(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> ExitCode:
    """Explain a settings file, or the defaults."""
    loaded = read(options.file, options.set)
    if options.json:
        print(json.dumps(explanation(loaded), indent=2, ensure_ascii=False))
    else:
        print(explained(loaded), end="")
    return ExitCode.DONE


def explanation(loaded: LoadedSettings) -> dict[str, Any]:
    """The resolved settings, where each came from, and what the card makes of them.

    Plain values, ready for JSON.
    """
    settings = loaded.settings
    itself = card(settings.hardware)
    abilities = {name: getattr(itself, name) for name in _ABILITIES}
    return {
        "settings": settings.model_dump(mode="json"),
        "sources": dict(loaded.sources),
        "warnings": list(loaded.warnings),
        "card": {"title": itself.title, **abilities, "figures": figures(loaded)},
        "amp": amp_sentence(settings),
        "precision": precision(settings),
        "effective_batch": effective_batch(settings),
        "recompute": settings.model.recompute,
        "degradation": pipeline_of(settings.data.degradation).model_dump(mode="json"),
        "memory": _memory(settings),
        "budget_mib": budget_mib(settings),
        "fits": fits(settings),
    }


def explained(loaded: LoadedSettings) -> str:
    """The same for people, as a page of plain text."""
    settings = loaded.settings
    lines = [*_table(loaded), "", *_memory_lines(settings), "", *_card_lines(loaded)]
    lines += [
        f"AMP: {amp_sentence(settings)}",
        f"an optimiser step sees {effective_batch(settings)} samples",
    ]
    lines += [f"warning: {warning}" for warning in loaded.warnings]
    return "\n".join(lines) + "\n"


def figures(loaded: LoadedSettings) -> dict[str, dict[str, Any]]:
    """Every figure of the card, and how it is known: `measured`, `reported`, … or `written`."""
    itself = card(loaded.settings.hardware)
    preset = hardware_preset(itself.name)
    found: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys((*preset.origins, *FROM_PRESET)):
        value = getattr(itself, name)
        source = loaded.sources.get(f"hardware.{name}", "")
        if value == getattr(preset, name):
            origin = preset.origins.get(name)
        elif source.startswith("preset "):
            origin = "inferred: follows from the compute capability that is written"
        else:
            origin = f"written: {source}"
        if value is not None and origin is not None:
            found[name] = {"value": value, "origin": origin}
    return found


def amp_sentence(settings: Settings) -> str:
    """What mixed precision will do on the card that settings are for, in one sentence."""
    itself = card(settings.hardware)
    kind, kept = device_of(settings).kind, precision(settings)
    if not settings.train.use_amp:
        where = "everything on the CPU" if kind == "cpu" else "everything"
        on = "" if kind == "cpu" else f" on the {itself.title}"
        return f"off; {where} is computed and kept in fp32{on}"
    if kind == "cpu":
        return f"{kept} on the CPU, which is slower than fp32 unless it has AVX512-BF16 or AMX"
    if kind == "mps":
        return f"activations are kept in {kept}, which halves them; gains in speed vary"
    if not itself.tensor_cores:
        return (
            f"activations are kept in {kept} but computed in fp32, since the {itself.title} has "
            "no tensor cores: it saves memory, not time"
        )
    half, single = itself.tflops("fp16"), itself.tflops("fp32")
    gain = f", at up to {half / single:.1f} times fp32's arithmetic" if half and single else ""
    return f"convolutions run in {kept} on tensor cores{gain}, and activations take half the memory"


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


def _table(loaded: LoadedSettings) -> list[str]:
    """Every setting with its value and source, in columns."""
    known = facts().values()
    name_width = max(len(fact.name) for fact in known)
    values = {fact.path: _shown(fact.of(loaded.settings)) for fact in known}
    # Left out it stays open for the card to decide; until then it is the preset's.
    values["hardware.memory_format"] = _shown(card(loaded.settings.hardware).memory_format)
    value_width = min(32, max(map(len, values.values())))

    def row(name: str, value: str, source: str) -> str:
        return f"  {name:<{name_width}}  {value:<{value_width}}  {source}"

    lines: list[str] = []
    for section in section_types():
        lines += ["", f"[{section}]"] if lines else [f"[{section}]"]
        for fact in (fact for fact in known if fact.section == section):
            lines.append(row(fact.name, values[fact.path], loaded.sources[fact.path]))
            lines += [row(*each) for each in _entries(fact, loaded)]
    return lines


def _entries(fact: Fact, loaded: LoadedSettings) -> Iterator[tuple[str, str, str]]:
    """The entries of a setting's tables, each with value and source; what a name stands for."""
    value, source = fact.of(loaded.settings), loaded.sources[fact.path]
    if fact.path == "data.degradation" and isinstance(value, str):
        value = pipeline_of(loaded.settings.data.degradation)
        source = f"what {fact.of(loaded.settings)!r} stands for"
        yield from (each for each in _flat(value, ".", source) if each[2] != "default")
    elif isinstance(value, Section):
        yield from _flat(value, ".", source)
    elif isinstance(value, tuple):
        for number, table in enumerate(value):
            yield from _flat(table, f"[{number}].", source)


def _flat(table: Section, prefix: str, source: str) -> Iterator[tuple[str, str, str]]:
    """A table's entries and those of tables in it; the source of what nobody wrote is `default`."""
    for fact in table_facts(type(table), ""):
        value = getattr(table, fact.name)
        written = source if fact.name in table.model_fields_set else "default"
        if isinstance(value, Section):
            yield from _flat(value, f"{prefix}{fact.name}.", written)
        else:
            yield f"  {prefix}{fact.name}", _shown(value), written


def _shown(value: object) -> str:
    match value:
        case None:
            return "-"
        case Section():
            return "a table:"
        case (Section(), *_):
            return f"a list of {len(value)}:"
        case _:
            return toml_value(value)


def _card_lines(loaded: LoadedSettings) -> list[str]:
    """What the card has and does natively, and how each figure is known."""
    itself = card(loaded.settings.hardware)
    capability = itself.compute_capability
    title = f"{itself.title}, compute capability {capability}" if capability else itself.title
    memory = (
        f"{itself.vram_mib} MiB - {itself.reserve_mib} MiB reserve = {itself.budget_mib} MiB "
        "for a training step"
        if itself.budget_mib is not None
        else "memory is not budgeted"
    )
    native = [words for name, words in _ABILITIES.items() if getattr(itself, name)]
    absent = [words for name, words in _ABILITIES.items() if not getattr(itself, name)]
    known = figures(loaded).items()
    width = max(len(name) for name, _ in known)
    return [
        f"{title}: {memory}",
        f"native: {', '.join(native) or 'none of these'}",
        f"not native: {', '.join(absent) or 'nothing'}",
        "how its figures are known:",
        *(f"  {name:<{width}}  {_shown(it['value']):<15}  {it['origin']}" for name, it in known),
    ]
