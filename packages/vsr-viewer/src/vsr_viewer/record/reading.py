"""Files of a run read without trust: only what is in its folder, and never more than is sensible.

Whatever is wrong with a file is a clause about "it", to follow the file's name; it never ends the
reading of the others.
"""

import json
import tomllib
from pathlib import Path
from typing import Any, BinaryIO, Final

from pydantic_core import from_json

from vsr_files import ForeignFileError, open_regular

MIB: Final = 1 << 20

MOST_FACTS: Final = 4 * MIB
"""Bytes of a file of facts or of text."""


class UnreadableError(Exception):
    """Why a file of a run cannot be shown: a clause about "it"."""


def resolved(folder: Path) -> Path:
    """Return where a folder really is; as it is written where that cannot be told."""
    try:
        return folder.resolve()
    except (OSError, RuntimeError, ValueError):  # a circle of links
        return folder.absolute()


def open_inside(root: Path, name: str) -> BinaryIO:
    """Open a regular file of a run's folder.

    Args:
        root: the folder, resolved.
        name: the file's path in it.

    Raises:
        UnreadableError: if it is not there, leads out of the folder, or is no file that opens.
    """
    path = root / name
    try:
        if not path.resolve().is_relative_to(root):
            raise UnreadableError("it is a link that leads out of the run's folder")
        if not path.exists():
            raise UnreadableError("it is not there")
        return open_regular(path)
    except ForeignFileError as error:
        raise UnreadableError(str(error)) from error
    except (OSError, RuntimeError, ValueError) as error:  # a circle of links, a name with a NUL
        raise UnreadableError("it is not a file that can be opened") from error


def read_inside(root: Path, name: str, most: int = MOST_FACTS) -> bytes:
    """Return all of a file of a run's folder.

    Raises:
        UnreadableError: if it cannot be opened or read, or is larger than `most` bytes.
    """
    with open_inside(root, name) as file:
        try:
            content = file.read(most + 1)
        except OSError as error:
            raise UnreadableError(f"it cannot be read ({error.strerror})") from error
    if len(content) > most:
        raise UnreadableError(f"it is larger than {most // MIB} MiB")
    return content


def read_text(root: Path, name: str) -> str:
    """Return a text of a run's folder; bytes that are no UTF-8 are shown by their codes.

    Raises:
        UnreadableError: as `read_inside`.
    """
    return read_inside(root, name).decode("utf-8", "backslashreplace")


def read_facts(root: Path, name: str) -> dict[str, Any]:
    """Return the object in a JSON file of a run's folder.

    Raises:
        UnreadableError: as `read_inside`, or if it is no JSON object.
    """
    facts = parse(read_inside(root, name))
    if not isinstance(facts, dict):
        raise UnreadableError("it is damaged: it holds no JSON object")
    return facts


def read_tables(text: str) -> dict[str, Any]:
    """Return the tables of a TOML text.

    Raises:
        UnreadableError: if it is no TOML.
    """
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableError("it is damaged: it is no TOML") from error


def parse(line: bytes) -> Any:
    """Return what JSON says, NaN and infinities of versions before among it; None of no JSON.

    pydantic's reader takes a third of the time; the standard library's also takes names that no
    UTF-8 can hold.
    """
    try:
        return from_json(line)
    except ValueError:
        try:
            return json.loads(line)
        except (ValueError, RecursionError):
            return None
