"""`python -m vsr_train report RUN…`: a run's page written again, or several runs on one page."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from vsr_files import expanded, printable
from vsr_viewer.commands.running import RefusedError, guarded
from vsr_viewer.comparison import compare, comparison_on_its_own
from vsr_viewer.pictures import Shelf
from vsr_viewer.record import RunReader, chosen_runs
from vsr_viewer.writing import PageWriter, write_text

COMPARISON = "comparison.html"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m vsr_train report",
        description="Write the page of a run, or of several runs side by side.",
    )
    parser.add_argument("runs", metavar="RUN", nargs="+", help="a run's folder, or one of runs")
    parser.add_argument(
        "--out",
        metavar="FILE",
        help=f"where to write it; else report.html in the run's folder, or {COMPARISON} here",
    )
    chosen = parser.parse_args(arguments)
    return guarded(lambda: report(chosen.runs, chosen.out))


def report(paths: Sequence[str], out: str | None) -> None:
    """Write the page of some runs, and say where.

    Raises:
        NoRunError: if a path is no run and has none in it.
        RefusedError: if the page cannot be written.
    """
    runs = chosen_runs(paths)
    target = None if out is None else expanded(out)
    try:
        if len(runs) == 1:
            written = PageWriter(runs[0]).write(target)
        else:
            written = target or Path(COMPARISON)
            readers = [RunReader(run) for run in runs]
            compared, left_out = compare([(each.read(), Shelf(each.root)) for each in readers])
            write_text(comparison_on_its_own(compared, left_out, time.time()), written)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        where = printable(target or (runs[0] if len(runs) == 1 else COMPARISON))
        reason = getattr(error, "strerror", None) or error
        raise RefusedError(
            f"no page can be written to {where!r} ({reason}); name another file with --out"
        ) from error
    what = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    print(f"{what}: {printable(written)}")
