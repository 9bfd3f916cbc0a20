"""The checkpoints of a folder: which there are, and going back to an older one.

Only regular files named exactly as ours are ours. Everything else that lies beside them, copies
under other names, folders, FIFOs and links, is left alone and never opened.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from vsr_files import make_folder, replacing, sync_folder
from vsr_train.errors import RunError
from vsr_train.folder.layout import RunFolder, step_of_row
from vsr_train.folder.sheets import ANIMATION, sheets_by_step
from vsr_train.folder.signed import is_untouched

_NAME = re.compile(r"step-([0-9]{9,})\.pt")


def checkpoint_name(step: int) -> str:
    """Return the file name of a step's checkpoint."""
    return f"step-{step:09d}.pt"


def step_in_name(path: Path) -> int | None:
    """Return the step that a checkpoint's name tells; None for any other name."""
    match = _NAME.fullmatch(path.name)
    if match is None or path.name != checkpoint_name(int(match[1])):
        return None
    return int(match[1])


def checkpoints_in(folder: Path) -> list[Path]:
    """Return a folder's checkpoints, whole or damaged, the one of the latest step first.

    Raises:
        RunError: if the folder cannot be read.
    """
    steps: dict[Path, int] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                step = step_in_name(Path(entry.name))
                if step is not None and entry.is_file(follow_symlinks=False):
                    steps[folder / entry.name] = step
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunError(
            f"folder {str(folder)!r} cannot be read ({error.strerror}); see run.dir and run.name"
        ) from error
    return sorted(steps, key=steps.__getitem__, reverse=True)


def digest_beside(path: Path) -> Path:
    """Return where versions before 2 put a checkpoint's digest."""
    return path.with_name(f"{path.name}.sha256")


def retire_after(
    folder: RunFolder, step: int, *, weights: Mapping[Path, int | None], also: Path | None = None
) -> str | None:
    """Move aside what a run made after a step that it now goes on from; delete nothing.

    The rows of the log are copied first and the latest checkpoint moves first, so that at any
    moment the latest that is left is one of the same past.

    Args:
        folder: of the run.
        step: the step gone back to.
        weights: files of weights and the steps they say; None where they say none.
        also: a checkpoint of this very step that is not the one gone on from.

    Returns:
        What to tell about it; None where nothing came after.

    Raises:
        RunError: if the disk refuses.
    """
    later = [path for path in checkpoints_in(folder.checkpoints) if _is_after(path, step)]
    moved = [*later, also] if also is not None else later
    if not moved:
        return None
    exported = {path: its for path, its in weights.items() if its is not None and its > step}
    try:
        place = _next_place(folder.retired)
        rows = _copy_rows(folder.metrics, place / folder.metrics.name, step)
        _link_curves(folder.tensorboard, place / folder.tensorboard.name)
        for path in moved:
            for each in (digest_beside(path), path):
                if each.exists():
                    shutil.move(each, place / each.name)
            sync_folder(path.parent)
        for path in exported:
            shutil.move(path, place / path.name)
        if folder.best in exported and is_untouched(folder.model_card):
            shutil.move(folder.model_card, place / folder.model_card.name)
        pictures = _move_pictures(folder, place, step)
        sync_folder(place)
        sync_folder(folder.path)
    except OSError as error:
        raise RunError(
            f"what run {str(folder.path)!r} made after step {step} cannot be moved aside "
            f"({error.strerror}); make room there, or start a run of another name"
        ) from error
    parts = [", ".join(path.stem for path in reversed(moved))]
    parts += [f"{rows} rows of {folder.metrics.name}"] * (rows > 0)
    parts += [f"{path.name} of step {its}" for path, its in exported.items()]
    parts += [f"{pictures} pictures"] * (pictures > 0)
    return f"went back to step {step}: {'; '.join(parts)} moved to {place}"


def retired_checkpoints(folder: RunFolder) -> Iterator[Path]:
    """Yield the checkpoints that were moved aside, the latest going back first."""
    for place in sorted(_numbered(folder.retired), key=lambda path: -int(path.name)):
        yield from checkpoints_in(place)


def _is_after(path: Path, step: int) -> bool:
    its = step_in_name(path)
    return its is not None and its > step


def _numbered(retired: Path) -> list[Path]:
    if not retired.is_dir():
        return []
    return [path for path in retired.iterdir() if re.fullmatch(r"[1-9][0-9]{0,8}", path.name)]


def _next_place(retired: Path) -> Path:
    last = max((int(path.name) for path in _numbered(retired)), default=0)
    place = retired / str(last + 1)
    make_folder(place)
    return place


def _copy_rows(metrics: Path, target: Path, step: int) -> int:
    """Copy the rows of a log that are later than a step; return how many that were."""
    if not metrics.is_file():
        return 0
    lines = metrics.read_bytes().splitlines(keepends=True)
    rows = [line for line in lines if step < step_of_row(line) < float("inf")]
    if rows:
        with replacing(target) as file:
            file.writelines(rows)
    return len(rows)


def _link_curves(curves: Path, target: Path) -> None:
    """Keep TensorBoard's files as they are now: what is later is cut off when the run goes on.

    They are only for looking at: where the disk refuses, they are not kept.
    """
    if not curves.is_dir():
        return
    with suppress(OSError):
        make_folder(target)
        for path in curves.iterdir():
            if path.is_file() and not path.is_symlink():
                try:
                    os.link(path, target / path.name)
                except OSError:  # not every file system has links
                    shutil.copy2(path, target / path.name)


def _move_pictures(folder: RunFolder, place: Path, step: int) -> int:
    """Move the sheets that are later than a step, and what was made then; return how many.

    The animation, the page and a diagnosis would go on showing what the run went back behind. They
    are only for looking at: where the disk refuses, they stay.
    """
    moved = 0
    with suppress(OSError):
        sheets = sheets_by_step(folder.pictures) if folder.pictures.is_dir() else {}
        later = [path for its, paths in sheets.items() if its > step for path in paths]
        whole = [folder.pictures / ANIMATION, folder.page]
        facts = folder.diagnosis.with_suffix(".json")
        if facts.is_file() and _step_in(facts) > step:
            whole += [facts, folder.diagnosis]
        for path in (*later, *whole):
            if path.is_file():
                target = place / path.relative_to(folder.path)
                make_folder(target.parent)
                shutil.move(path, target)
                moved += path in later
    return moved


def _step_in(facts: Path) -> float:
    """Return the step that a file of facts says; 0 where it says none."""
    try:
        return float(json.loads(facts.read_bytes())["step"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return 0
