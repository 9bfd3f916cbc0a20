"""Settings as TOML text that reloads equal."""

import json
from collections.abc import Mapping

from vsr_settings.fields import facts
from vsr_settings.schema import Settings


def to_toml(settings: Settings) -> str:
    """The complete settings as TOML; loading it gives the same settings, once resolved.

    Settings that are left out, such as hardware fields no preset fills, are not written.
    """
    values = {path: fact.of(settings) for path, fact in facts().items()}
    return toml_text({path: value for path, value in values.items() if value is not None})


def toml_text(values: Mapping[str, object]) -> str:
    """Values by path, as in `train.seed`, as TOML in the schema's order."""
    lines: list[str] = []
    section = ""
    for path, fact in facts().items():
        if path not in values:
            continue
        if fact.section != section:
            section = fact.section
            lines += ["", f"[{section}]"]
        lines.append(f"{fact.name} = {toml_value(values[path])}")
    return "\n".join(lines[1:]) + "\n"


def toml_value(value: object) -> str:
    """A setting's value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # the escapes of a JSON string are those of a TOML string, but for the delete character
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
