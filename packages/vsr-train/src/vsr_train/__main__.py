"""`python -m vsr_train --settings FILE`: parse, then load, prepare and train.

A first word of `COMMANDS` stands for another command, which needs no torch.

Imports nothing heavy itself: signals must be heeded, and waiting threads told to sleep, before
torch is there.
"""

import argparse
import os
import sys
from importlib import import_module
from typing import Final

from vsr_train.signals import Interrupted, Signals

COMMANDS: Final = {
    "report": "vsr_viewer.commands.report:main",
    "serve": "vsr_viewer.commands.serve:main",
}
"""Commands by the word that they begin with: a function that takes what follows, and returns the
exit code. Its module is imported only then."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    if words and words[0] in COMMANDS:
        module, _, function = COMMANDS[words[0]].partition(":")
        code: int = getattr(import_module(module), function)(words[1:])
        return code
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if chosen.protocol and not chosen.validate_only:
        parser.error("--protocol goes with --validate-only, which trains nothing")
    # GNU's OpenMP lets waiting threads spin: beside one other busy process, a run on two cores then
    # loses nine tenths of its pace (docs/decisions/train-threads.md).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        with Signals() as signals:
            from vsr_train.command import execute  # noqa: PLC0415 - see above

            return execute(chosen, signals)
    except Interrupted as interrupt:
        what = f"{interrupt}: stopped at once; what was saved before is whole"
        print(f"error: {what}", file=sys.stderr)
        return interrupt.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m vsr_train",
        description="Train a video super-resolution network.",
        epilog=f"Other commands, each with its own --help: {', '.join(COMMANDS)}.",
    )
    parser.add_argument("--settings", metavar="FILE", help="a TOML file, as in configs/")
    parser.add_argument(
        "--set", metavar="SECTION.NAME=VALUE", action="append", default=[], help="one setting"
    )
    parser.add_argument(
        "--resume",
        metavar="auto|STEP|PATH",
        help="go on from this run's newest checkpoint, that of a step, or a file",
    )
    parser.add_argument(
        "--init", metavar="PATH", help="start anew, at step 0, from the weights of a file"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="delete the run that is in the run's folder"
    )
    parser.add_argument(
        "--check", action="store_true", help="check settings, device and data; train nothing"
    )
    parser.add_argument(
        "--validate-only", action="store_true", help="measure what --resume names; train nothing"
    )
    parser.add_argument(
        "--protocol",
        choices=("vid4", "vid4-bd", "reds4", "udm10", "vimeo90k", "vimeo90k-bd"),
        help="with --validate-only: measure data.val as papers do, beside their figures",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
