"""What was timed, kept beside the frame cache: a small file for each card and settings.

It saves a minute and decides nothing that cannot be timed again: a file that is damaged, of another
version or cannot be written is as one that is not there.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from vsr_files import ForeignFileError, make_folder, open_regular, replacing

_VERSION: Final = 1
_LONGEST: Final = 1 << 20


def path_of(folder: Path, key: Mapping[str, Any]) -> Path:
    """Return the file of a key."""
    text = json.dumps([_VERSION, key], sort_keys=True)
    return folder / f"timings-{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"


def remember(folder: Path, key: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep the timings of a key, whole or not at all; a disk that refuses is passed over."""
    stored = {"version": _VERSION, "key": key, "timings": rows}
    try:
        make_folder(folder)
        with replacing(path_of(folder, key)) as file:
            file.write((json.dumps(stored, indent=2, allow_nan=False) + "\n").encode())
    except OSError:
        return


def recall(folder: Path, key: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the timings of a key, `way`, `seconds` and `reason` of each; none where none are."""
    try:
        with open_regular(path_of(folder, key)) as file:
            stored = json.loads(file.read(_LONGEST))
    except (ForeignFileError, OSError, ValueError, RecursionError):
        return []
    if not isinstance(stored, dict) or stored.get("version") != _VERSION:
        return []
    rows = stored.get("timings")
    is_same = stored.get("key") == json.loads(json.dumps(key))
    if is_same and isinstance(rows, list) and all(map(_is_timing, rows)):
        return rows
    return []


def _is_timing(row: object) -> bool:
    if not isinstance(row, dict) or not isinstance(row.get("way"), dict):
        return False
    seconds: Any = row.get("seconds")
    is_time = type(seconds) in (int, float) and math.isfinite(seconds) and seconds > 0
    return (is_time or seconds is None) and isinstance(row.get("reason"), str)
