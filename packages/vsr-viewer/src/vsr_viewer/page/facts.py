"""What was trained on what, and the settings: those that were chosen first."""

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from vsr_settings import Hardware, Settings, resolve, to_toml
from vsr_settings.fields import facts
from vsr_settings.writing import plain as plain_value
from vsr_settings.writing import toml_value
from vsr_viewer.record import Record
from vsr_viewer.text import block, shown

WORDS: Final = {
    "network": "network",
    "window": "window",
    "card": "planned for",
    "device": "trained on",
    "precision": "precision",
    "memory_format": "order of tensors",
    "batch": "batch",
    "perceptual": "perceptual loss",
    "training": "training footage",
    "validation": "validation footage",
    "degradation": "its input",
}

MOST_CHOSEN: Final = 80
MOST_VERSIONS: Final = 20

NO_DEFAULT: Final = "none"


def about(record: Record) -> str:
    """Return what was trained on what as HTML; empty where that is not known."""
    rows = [
        (word, shown(record.about[name], 400))
        for name, word in WORDS.items()
        if isinstance(record.about.get(name), str) and record.about[name]
    ]
    if type(parameters := record.about.get("parameters")) is int:
        rows.insert(1, ("parameters", f"{parameters:,}"))
    versions = record.about.get("versions")
    if isinstance(versions, dict) and versions:
        named = list(versions.items())[:MOST_VERSIONS]
        rows.append(("versions", ", ".join(f"{shown(n, 40)} {shown(v, 40)}" for n, v in named)))
    if not rows:
        return ""
    cells = "".join(f"<dt>{word}</dt><dd>{text}</dd>" for word, text in rows)
    return f'<dl class="facts">{cells}</dl>'


def settings(record: Record) -> str:
    """Return what was set otherwise than the defaults, and all of the settings, as HTML."""
    if not record.settings_text:
        return ""
    rows = list(_chosen(record.settings))
    listed = "".join(_row(*row) for row in rows[:MOST_CHOSEN])
    more = len(rows) - MOST_CHOSEN
    table = (
        '<table class="settings"><thead><tr><th>setting</th><th>here</th><th>default</th>'
        f'<th class="wide">what it is</th></tr></thead><tbody>{listed}</tbody></table>'
        if rows
        else '<p class="faint">Everything is at its default.</p>'
    )
    rest = f'<p class="small faint">and {more:,} more</p>' if more > 0 else ""
    return (
        f'{table}{rest}<details id="all-settings"><summary>All settings, as TOML</summary>'
        f'<pre class="text">{block(record.settings_text)}</pre></details>'
    )


def values_by_path(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return settings by path, as in `train.seed`."""
    return {
        f"{table}.{name}": value for table, held in tables.items() for name, value in held.items()
    }


@cache
def defaults_of(preset: str) -> Mapping[str, Any]:
    """Return every setting's default by path, with what a card's preset fills in."""
    hardware = {"preset": preset}
    try:
        resolved = resolve(Settings(hardware=Hardware.model_validate(hardware)))
    except (ValueError, LookupError):  # a card that this version does not know
        resolved = Settings()
    return values_by_path(tomllib.loads(to_toml(resolved)))


def written(value: Any) -> str:
    """Return a setting's value as TOML writes it, made visible and cut, as HTML."""
    return shown(NO_DEFAULT if value is None else toml_value(value), 160)


def _chosen(tables: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, Any, Any]]:
    """Yield path, value and default of what is not at its default, in the schema's order."""
    values = values_by_path(tables)
    preset = values.get("hardware.preset")
    defaults = defaults_of(preset if isinstance(preset, str) else "")
    preset_default = plain_value(facts()["hardware.preset"].default)
    unset = {path: None for path in values if path not in facts()}
    for path in (*facts(), *unset):
        if path not in values or path == "run.name":
            continue
        default = preset_default if path == "hardware.preset" else defaults.get(path)
        if values[path] != default:
            yield path, values[path], default


def _with_code(doc: str) -> str:
    """Return a setting's words as HTML, with what is between backticks as code."""
    parts = shown(doc, 400).split("`")
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))


def _row(path: str, value: Any, default: Any) -> str:
    fact = facts().get(path)
    doc = _with_code(fact.doc) if fact else "not a setting of this version"
    return (
        f'<tr><th scope="row"><code>{shown(path, 80)}</code></th>'
        f"<td><code>{written(value)}</code></td>"
        f'<td class="faint"><code>{written(default)}</code></td>'
        f'<td class="wide small">{doc}</td></tr>'
    )
