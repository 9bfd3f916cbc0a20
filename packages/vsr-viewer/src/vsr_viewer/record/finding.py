"""Which folders are runs, and what may have been meant where one is not."""

import contextlib
import difflib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from vsr_files import expanded, printable
from vsr_viewer.record.log import NAME as METRICS
from vsr_viewer.record.reading import resolved
from vsr_viewer.record.record import CHECKPOINTS, SETTINGS

MOST_RUNS: Final = 2000
"""Entries of a folder that are looked at."""

MOST_NAMED: Final = 5


class NoRunError(Exception):
    """A path that is no run and has none in it; the message says which are near."""


def is_run(folder: Path) -> bool:
    """Whether a run has started in a folder."""
    with contextlib.suppress(OSError, ValueError):
        return any((folder / name).exists() for name in (SETTINGS, METRICS, CHECKPOINTS))
    return False


def runs_in(folder: Path) -> dict[str, Path]:
    """Return the runs that are in a folder by name; none that a link brings in from outside it.

    A folder that is not there, or cannot be read, has none.
    """
    found: dict[str, Path] = {}
    with contextlib.suppress(OSError, RuntimeError, ValueError):
        root = folder.resolve()
        with os.scandir(root) as entries:
            names = sorted(entry.name for _, entry in zip(range(MOST_RUNS), entries, strict=False))
        for name in names:
            path = root / name
            if name.startswith(".") or not is_run(path):
                continue
            with contextlib.suppress(OSError, RuntimeError):
                if path.resolve().is_relative_to(root):
                    found[name] = path
    return found


def chosen_runs(paths: Sequence[str]) -> list[Path]:
    """Return the runs that paths name, each once: each a run, or a folder with runs in it.

    Raises:
        NoRunError: if a path is neither.
    """
    found: dict[Path, Path] = {}
    for text in paths:
        path = expanded(text)
        runs = [path] if is_run(path) else list(runs_in(path).values())
        if not runs:
            raise NoRunError(_refusal(text, path))
        for run in runs:
            found.setdefault(resolved(run), run)
    return list(found.values())


def _refusal(text: str, path: Path) -> str:
    """Return what is wrong with a path, and which runs are near."""
    shown = f"{printable(text)!r}"
    if _is_folder(path):
        what = f"{shown} is no run and has none in it"
    elif _exists(path):
        what = f"{shown} is a file; a run is a folder"
    else:
        what = f"{shown} is not there"
    around = path.parent
    names = list(runs_in(around)) if around != path else []
    if not names:  # as where only the name of a run was given
        around = Path("runs")
        names = list(runs_in(around))
    close = difflib.get_close_matches(path.name, names, MOST_NAMED, 0.5)
    named = close or names[:MOST_NAMED]
    if not named:
        return f"{what}; give the folder of a run, such as runs/demo"
    listed = ", ".join(printable(around / name) for name in named)
    more = f" and {len(names) - len(named)} more" if len(names) > len(named) else ""
    return f"{what}; runs near it: {listed}{more}"


def _is_folder(path: Path) -> bool:
    with contextlib.suppress(OSError, ValueError):
        return path.is_dir()
    return False


def _exists(path: Path) -> bool:
    with contextlib.suppress(OSError, ValueError):
        return path.exists()
    return False
