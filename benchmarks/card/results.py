"""What the sections find: a strict JSON file each, whole at every moment."""

import json
import math
from pathlib import Path

from vsr_files import replacing

FORMAT = 1
MOST_ROWS = 2000
"""More of them, each of at most a few KiB, could not be carried home."""
LONGEST_TEXT = 2000

RUNNING, COMPLETE, FAILED, CUT = "running", "complete", "failed", "out of time"
"""How a section stands; `running` in a finished folder is one whose process died."""


class SectionFile:
    """The file of a section: rewritten, atomically, with every row."""

    def __init__(self, folder, section, facts=None):
        self.path = Path(folder) / f"{section}.json"
        self.content = {
            "format": FORMAT,
            "section": section,
            "status": RUNNING,
            "reason": None,
            "on": facts or {},
            "rows": [],
        }

    def add(self, row):
        """Add a row, and write all."""
        if len(self.content["rows"]) < MOST_ROWS:
            self.content["rows"].append(strict(row))
            self.write()

    def end(self, status, reason=None):
        """Say how the section ended."""
        self.content |= {"status": status, "reason": strict(reason)}
        self.write()

    def write(self):
        """Write the file."""
        write_json(self.path, self.content)


def write_json(path, content):
    """Write strict JSON, whole or not at all."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        text = json.dumps(strict(content), indent=1, ensure_ascii=False, allow_nan=False)
        file.write((text + "\n").encode())


def read_json(path):
    """Return what a file holds; None where it is missing or damaged."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def strict(value):
    """Return what JSON can hold: texts cut to a length, null for what is not finite."""
    match value:
        case dict():
            return {str(key): strict(each) for key, each in value.items()}
        case list() | tuple():
            return [strict(each) for each in value]
        case str():
            return value if len(value) <= LONGEST_TEXT else f"{value[:LONGEST_TEXT]}…"
        case bool() | int() | None:
            return value
        case float():
            return value if math.isfinite(value) else None
        case _:
            return strict(str(value))


def reason_of(error):
    """Return why something failed, in a line; and what failed first, where that was something else.

    What ends a context after a failure, such as a CUDA graph, may fail in its turn.
    """
    first = error
    while first.__context__ is not None:
        first = first.__context__
    return _said(error) if first is error else f"{_said(error)}; first {_said(first)}"


def _said(error):
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:400] if text else type(error).__name__
