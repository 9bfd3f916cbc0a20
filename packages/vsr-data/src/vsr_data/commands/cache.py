"""`cache`: what lies in the frame cache, and less of it."""

import argparse
import json
import time
from datetime import UTC, datetime
from pathlib import Path

from vsr_data.cache import GIB
from vsr_data.cache.pruning import DAY_S, Stored, prune_to, prune_unused, stored
from vsr_data.commands.arguments import Commands
from vsr_files import expanded, printable
from vsr_settings import ExitCode, read


def add_to(commands: Commands) -> None:
    """Add the command and its options."""
    command = commands.add_parser(
        "cache", help="list the cache of decoded frames, or remove what was not used for longest"
    )
    command.add_argument("--dir", metavar="DIR", help="the cache; left out: data.cache_dir")
    less = command.add_mutually_exclusive_group()
    less.add_argument(
        "--prune", type=_amount, metavar="GIB", help="remove until at most so much is left"
    )
    less.add_argument(
        "--older", type=_amount, metavar="DAYS", help="remove what was not used for so long"
    )
    command.add_argument("--json", action="store_true", help="print it as JSON")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> ExitCode:
    """Remove what is to be removed, and list the rest."""
    folder = expanded(
        options.dir if options.dir is not None else read(None, rules=()).settings.data.cache_dir
    )
    removed: list[Stored] = []
    if options.prune is not None:
        removed = prune_to(folder, int(options.prune * GIB))
    elif options.older is not None:
        removed = prune_unused(folder, time.time() - options.older * DAY_S)
    kept = stored(folder)
    print(_as_json(folder, kept, removed) if options.json else _as_text(folder, kept, removed))
    return ExitCode.DONE


def _amount(text: str) -> float:
    """A number that is not negative; NaN is none."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1 << 30:
        raise argparse.ArgumentTypeError(f"{printable(text)!r} is no amount: write 0 or more")
    return number


def _as_text(folder: Path, kept: list[Stored], removed: list[Stored]) -> str:
    lines = [f"removed {_line(item)}" for item in removed]
    if removed:
        lines.append(f"removed {_entries(removed)}")
    lines += [_line(item) for item in kept]
    lines.append(f"{printable(folder)}: {_entries(kept)}")
    in_use = [item for item in kept if item.in_use]
    if in_use:
        lines.append(f"in use now, and never removed: {_entries(in_use)}")
    return "\n".join(lines)


def _as_json(folder: Path, kept: list[Stored], removed: list[Stored]) -> str:
    return json.dumps(
        {
            "dir": printable(folder),
            "entries": [_row(item) for item in kept],
            "bytes": sum(item.n_bytes for item in kept),
            "removed": [_row(item) for item in removed],
            "removed_bytes": sum(item.n_bytes for item in removed),
        },
        indent=2,
    )


def _row(item: Stored) -> dict[str, object]:
    return {
        "key": item.key,
        "source": item.source or None,
        "bytes": item.n_bytes,
        "used": _when(item).isoformat(timespec="seconds"),
        "in_use": item.in_use,
    }


def _line(item: Stored) -> str:
    source = item.source or "of an unknown source"
    mark = " (in use)" if item.in_use else ""
    return f"{_when(item):%Y-%m-%d %H:%M}  {_size(item.n_bytes):>10}  {source}{mark}"


def _entries(items: list[Stored]) -> str:
    count = "1 entry" if len(items) == 1 else f"{len(items)} entries"
    return f"{count}, {_size(sum(item.n_bytes for item in items))}"


def _size(n_bytes: int) -> str:
    if n_bytes < GIB / 10:
        return f"{n_bytes / (1 << 20):.1f} MiB"
    return f"{n_bytes / GIB:.1f} GiB"


def _when(item: Stored) -> datetime:
    return datetime.fromtimestamp(item.used, UTC).astimezone()
