"""`python -m vsr_train --settings FILE`: parse, then load, prepare and train.

`python -m vsr_train COMMAND …` does something with a run that is there.

Imports nothing heavy itself: signals must be heeded, and waiting threads told to sleep, before
torch is there.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Final

from vsr_train.signals import Interrupted, Signals

COMMANDS: Final = {
    "export": ("vsr_train.exporting", "write the averaged weights of a run's newest checkpoint"),
    "report": ("vsr_viewer.commands.report", "write a run's page again, or several side by side"),
    "serve": ("vsr_viewer.commands.serve", "show all runs of a folder in a browser, live"),
}
"""First words that are commands: the module whose `main(arguments)` each is, and what it does."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and arguments[0] in COMMANDS:
        module, _ = COMMANDS[arguments[0]]
        return _with_signals(lambda _: import_module(module).main(arguments[1:]))
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if chosen.protocol and not chosen.validate_only:
        parser.error("--protocol goes with --validate-only, which trains nothing")

    def train(signals: Signals) -> int:
        from vsr_train.command import execute  # noqa: PLC0415 - see above

        return execute(chosen, signals)

    return _with_signals(train)


def _with_signals(command: Callable[[Signals], int]) -> int:
    """Run a command, and end with a word where a signal says so."""
    # GNU's OpenMP lets waiting threads spin: beside one other busy process, a run on two cores then
    # loses nine tenths of its pace (docs/decisions/train-threads.md).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        with Signals() as signals:
            return command(signals)
    except Interrupted as interrupt:
        what = f"{interrupt}: stopped at once; what was saved before is whole"
        print(f"error: {what}", file=sys.stderr)
        return interrupt.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m vsr_train",
        description="Train a video super-resolution network.",
        epilog="\n".join(["commands, each with a --help of its own:", *_command_lines()]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
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


def _command_lines() -> Iterator[str]:
    for word, (_, what) in COMMANDS.items():
        yield f"  python -m vsr_train {word:8}{what}"


if __name__ == "__main__":
    sys.exit(main())
