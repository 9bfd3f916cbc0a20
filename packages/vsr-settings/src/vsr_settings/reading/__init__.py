"""Where settings come from: a TOML file, the environment and options, merged and checked.

The only room that reads a settings file or the environment.
"""

from vsr_settings.reading.files import UnreadableError, text_of
from vsr_settings.reading.load import LoadedSettings, load, loads, read, read_text
from vsr_settings.reading.options import Option

__all__ = [
    "LoadedSettings",
    "Option",
    "UnreadableError",
    "load",
    "loads",
    "read",
    "read_text",
    "text_of",
]
