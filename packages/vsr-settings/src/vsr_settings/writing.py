"""Settings as TOML text that reloads equal."""

import json

from vsr_settings.fields import facts
from vsr_settings.schema import Settings


def to_toml(settings: Settings) -> str:
    """The complete settings as TOML; loading it gives the same settings, once resolved.

    Settings that are left out, such as hardware fields no preset fills, are not written.
    """
    lines: list[str] = []
    section = ""
    for fact in facts().values():
        if fact.section != section:
            section = fact.section
            lines += ["", f"[{section}]"] if lines else [f"[{section}]"]
        value = getattr(getattr(settings, section), fact.name)
        if value is not None:
            lines.append(f"{fact.name} = {toml_value(value)}")
    return "\n".join(lines) + "\n"


def toml_value(value: object) -> str:
    """A setting's value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # the escapes of a JSON string are those of a TOML string, but for the delete character
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
