"""`reference` and `schema`: `docs/settings.md` for people, `settings.schema.json` for editors.

Both come from the schema, the presets and the rules alone, so that a test can tell them stale.
"""

import argparse
import inspect
import json
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any, Final

from vsr_settings.commands.arguments import Commands
from vsr_settings.degradation import NAMED
from vsr_settings.errors import ExitCode
from vsr_settings.fields import Fact, facts, section_types, table_facts
from vsr_settings.hardware.presets import PRESETS, HardwarePreset
from vsr_settings.kinds import KIND
from vsr_settings.rules import RULES
from vsr_settings.schema import Settings
from vsr_settings.section import Section
from vsr_settings.writing import toml_value

_COLUMNS: Final[dict[str, Callable[[HardwarePreset], object]]] = {
    "preset": lambda preset: f"`{preset.name}`",
    "card": lambda preset: preset.title,
    "memory": lambda preset: preset.vram_mib or None,
    "budget": lambda preset: preset.budget_mib,
    "capability": lambda preset: preset.compute_capability,
    "fp16": lambda preset: preset.native_fp16,
    "bf16": lambda preset: preset.native_bf16,
    "TF32": lambda preset: preset.native_tf32,
    "tensor cores": lambda preset: preset.tensor_cores,
    "Triton": lambda preset: preset.triton,
    "bandwidth": lambda preset: preset.bandwidth_gbs,
    "fp32": lambda preset: preset.fp32_tflops,
    "fp16 rate": lambda preset: preset.fp16_tflops,
    "order": lambda preset: preset.memory_format,
    "batch": lambda preset: preset.effective_batch,
}
"""The table of presets, column by column."""


def add_to(commands: Commands) -> None:
    """Add both commands."""
    schema = commands.add_parser("schema", help="print the JSON schema, docs/settings.schema.json")
    schema.set_defaults(run=run)
    page = commands.add_parser("reference", help="print the reference page, docs/settings.md")
    page.set_defaults(run=run)


def run(options: argparse.Namespace) -> ExitCode:
    """Print the page that is asked for."""
    print(json_schema() if options.command == "schema" else reference_page(), end="")
    return ExitCode.DONE


def reference_page() -> str:
    """`docs/settings.md`."""
    opening = files("vsr_settings.commands").joinpath("reference.md")
    parts = [opening.read_text(encoding="utf-8")]
    for name, model in section_types().items():
        parts.append(_section(f"## `[{name}]`", model, name))
        for fact in (fact for fact in facts().values() if fact.section == name):
            parts += _table_sections(fact)
        if name == "data":
            parts.append("\n".join(_degradations()) + "\n")
    parts += ["\n".join(_rules()) + "\n", "\n".join(_presets()) + "\n"]
    return "\n".join(parts)


def json_schema() -> str:
    """`docs/settings.schema.json`: what an editor needs to complete and check a settings file."""
    schema = _without_null(Settings.model_json_schema())
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _section(title: str, table: type[Section], path: str) -> str:
    """A section or a table: what it is, and its entries."""
    doc = " ".join((inspect.getdoc(table) or "").split())
    rows = (_row(fact) for fact in table_facts(table, path) if fact.name != KIND)
    head = ["| setting | allowed | default | |", "|---|---|---|---|"]
    return "\n".join([title, "", doc, "", *head, *rows]) + "\n"


def _table_sections(fact: Fact) -> Iterator[str]:
    """The tables that a setting takes, and the tables that those take."""
    if fact.tables is None:
        return
    brackets = f"[[{fact.path}]]" if fact.tables.type is list else f"[{fact.path}]"
    for table in fact.tables.tables:
        several = len(fact.tables.tables) > 1
        kind = f" of `kind = {toml_value(table_facts(table, '')[0].choices[0])}`" if several else ""
        yield _section(f"### `{brackets}`{kind}", table, fact.path)
        for inner in table_facts(table, fact.path):
            yield from _table_sections(inner)


def _degradations() -> Iterator[str]:
    yield from ("### What the names of degradations stand for", "")
    for name, pipeline in NAMED.items():
        yield f"- `{name}`: `{toml_value(pipeline.model_dump(exclude_unset=True))}`"


def _row(fact: Fact) -> str:
    default = "" if fact.default is None else f"`{toml_value(fact.default)}`"
    default = "must be written" if fact.required else default
    allowed = fact.allowed.replace("|", "\\|")
    return f"| `{fact.name}` | {allowed} | {default} | {fact.doc} |"


def _rules() -> Iterator[str]:
    yield from ("## Rules between settings", "")
    for rule in RULES:
        yield f"- {' '.join((inspect.getdoc(rule.check) or '').split())}"
    yield from (
        "",
        "VGG16's deepest tap, relu4_3, needs 8 pixels a side; the smallest patch, 8, gives it 16.",
    )


def _presets() -> Iterator[str]:
    yield from (
        "## Hardware presets",
        "",
        "Memory and budget (memory less the reserve) in MiB, bandwidth in GB/s, rates in TFLOP/s.",
        "fp16 rates accumulate in fp32; without tensor cores torch computes fp16 in fp32 instead.",
        "",
        f"| {' | '.join(_COLUMNS)} |",
        f"|{'---|' * len(_COLUMNS)}",
    )
    for preset in PRESETS.values():
        yield f"| {' | '.join(_cell(column(preset)) for column in _COLUMNS.values())} |"
    yield from ("", "How each figure is known:", "")
    for preset in PRESETS.values():
        yield f"- `{preset.name}`"
        yield from (f"    - `{figure}`: {note}" for figure, note in preset.origins.items())


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case _:
            return str(value)


def _without_null(schema: Any) -> Any:
    """The schema less every `null`, which TOML does not have."""
    if isinstance(schema, list):
        return [_without_null(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    cleaned = {key: _without_null(value) for key, value in schema.items() if value is not None}
    options = cleaned.get("anyOf")
    if options and {"type": "null"} in options:
        rest = [option for option in options if option != {"type": "null"}]
        del cleaned["anyOf"]
        cleaned = {**cleaned, **rest[0]} if len(rest) == 1 else {**cleaned, "anyOf": rest}
    if isinstance(cleaned.get("description"), str):
        cleaned["description"] = " ".join(cleaned["description"].split())
    return cleaned
