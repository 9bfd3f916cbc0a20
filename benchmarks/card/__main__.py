"""`python -m benchmarks.card --out DIR [--device cpu] [--minutes 9]`."""

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = [*sorted((ROOT / "packages").glob("*/src")), ROOT / "benchmarks", ROOT / "tests"]


def main(words=None):
    """Ask a card everything; 0 where every section is complete, 1 where one is not."""
    started = time.monotonic()
    chosen = _parsed(words)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the commands set it
    # Whoever asks in the process that forks whether there is a card must not begin to use it.
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # its children first
    sys.path[:0] = [str(folder) for folder in FOLDERS]  # this checkout's, whatever is installed
    folder = Path(chosen.out)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        # All that sections leave, those too that are killed.
        os.environ["TMPDIR"], tempfile.tempdir = scratch, scratch
        whole = _run(chosen, folder, started)
    print(f"everything is in {folder}; python benchmarks/render.py --card {folder}")
    return 0 if whole else 1


def _run(chosen, folder, started):
    from . import plan, sections  # noqa: PLC0415 - torch, once, counted in the time

    names = chosen.sections or list(plan.SHARES)
    for name in names:
        (folder / f"{name}.json").unlink(missing_ok=True)  # an earlier run's
    sections.import_all()
    runner = sections.Runner(chosen.device, folder, chosen.data or _data())
    return plan.run_all(
        folder,
        chosen.minutes - (time.monotonic() - started) / 60,
        plan.in_processes(runner),
        time.monotonic,
        sections={name: plan.SHARES[name] for name in names},
    )


def _parsed(words):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.card", description=__doc__)
    parser.add_argument("--out", required=True, metavar="DIR", help="where the results go")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--minutes", type=float, default=9.0, help="for everything (9)")
    parser.add_argument("--data", metavar="DIR", help="videos to train on (../shared/data/video)")
    names = ["laws", "memory", "speed", "film", "training"]
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(names))
    chosen = parser.parse_args(words)
    if unknown := set(chosen.sections) - set(names):
        parser.error(f"no such section: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    return chosen


def _data():
    """Return the videos that the project has at hand; None where there are none."""
    places = [ROOT.parent / "shared", ROOT / "shared"]
    return next(
        (str(each) for place in places if (each := place / "data" / "video").is_dir()), None
    )


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # nobody waits for a child that CUDA's driver does not let go of
