"""Small text files, read with an answer for every path."""

from pathlib import Path
from typing import Final

from vsr_files import expanded, printable
from vsr_settings.reading.spelling import closest_name

_MOST_BYTES: Final = 1 << 20
_CLOSE: Final = 0.75
"""How like a missing file's name another's must be to be what was meant."""


class UnreadableError(Exception):
    """A file that holds no text."""

    def __init__(self, rule: str, remedy: str) -> None:
        self.rule, self.remedy = rule, remedy
        super().__init__(f"{rule}; {remedy}")


def text_of(path: str | Path) -> str:
    """The text of a small file.

    Raises:
        UnreadableError: There is no such file, or it is not UTF-8 text of at most 1 MiB.
    """
    content = b""
    remedy = "give the path of a settings file"
    try:
        with expanded(path).open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise UnreadableError("is larger than a settings file can be, 1 MiB", remedy)
        return content.decode("utf-8-sig")
    except FileNotFoundError as error:
        close = _neighbour(expanded(path))
        meant_file = f"did you mean {close!r}?" if close else remedy
        raise UnreadableError("no such file", meant_file) from error
    except UnicodeDecodeError as error:
        rule = f"is not UTF-8 text: byte {error.start} is {content[error.start]:#04x}"
        raise UnreadableError(rule, "save it as UTF-8") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableError(f"cannot be read: {reason.lower()}", remedy) from error


def _neighbour(missing: Path) -> str | None:
    """A TOML file in a missing one's folder that is called almost the same."""
    try:
        beside = {file.stem.lower(): file for file in missing.parent.glob("*.toml")}
    except OSError:
        return None
    # endings are alike among all of them, and would make any two names look close
    name = missing.stem if missing.suffix else missing.name
    close = closest_name(name.lower(), beside, cutoff=_CLOSE)
    return printable(beside[close]) if close else None
