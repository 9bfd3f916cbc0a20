"""`python -m vsr_train --settings FILE`: parse, load, prepare, train."""

import argparse
import logging
import signal
import sys
from types import FrameType

import torch
from rich.console import Console
from rich.logging import RichHandler

from vsr_data import DataError
from vsr_device import DeviceError, joined
from vsr_losses import PerceptualWeightsError
from vsr_settings import SettingsError, read
from vsr_train.errors import ExitCode, RunError
from vsr_train.folder import RunFolder, owned
from vsr_train.loop import start
from vsr_train.run import opening, prepare, validate_only

INTERRUPTED = 128 + signal.SIGINT
"""What a shell returns for a program that SIGINT ended; a run that could save returns 0."""

EXPLAINED = (
    SettingsError, PerceptualWeightsError, DataError, DeviceError, RunError, torch.OutOfMemoryError,
)  # fmt: skip
"""What a user can cause; anything else is a bug, and shows its traceback."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    chosen = _parser().parse_args(arguments)
    # Where there is no terminal rich assumes 80 columns, which cuts the names of clips.
    console = Console(width=None if sys.stdout.isatty() else 120)
    errors = Console(stderr=True)
    _tell_of_decoding(errors)
    try:
        _run(chosen, console, errors)
    except EXPLAINED as error:
        message, code = _explain(error)
    except KeyboardInterrupt:
        message, code = "interrupted before a step could end and be saved", INTERRUPTED
    else:
        return ExitCode.DONE
    errors.print(f"error: {message}", soft_wrap=True, highlight=False, markup=False)
    return code


def _run(chosen: argparse.Namespace, console: Console, errors: Console) -> None:
    reading = read(chosen.settings, chosen.set)
    for warning in reading.warnings:
        errors.print(f"warning: {warning}", soft_wrap=True, highlight=False, markup=False)
    if chosen.validate_only:
        validate_only(reading.settings, chosen.resume or "auto", console)
        return
    folder = RunFolder.of(reading.settings)
    with (
        joined(reading.settings) as processes,
        owned(folder, alone=processes.is_first and not chosen.check),
    ):
        run = prepare(
            reading.settings,
            resume=chosen.resume,
            init=chosen.init,
            overwrite=chosen.overwrite,
            check_only=chosen.check,
            processes=processes,
        )
        if not chosen.check:
            start(run, console, _stop_on_signals(), overwrite=chosen.overwrite)
        elif processes.is_first:
            for line in opening(run):
                console.print(line, soft_wrap=True, highlight=False, markup=False)


def _explain(error: Exception) -> tuple[str, int]:
    """Return the message and the exit code of what a user can cause."""
    match error:
        case DataError():
            return str(error), ExitCode.DATA
        case DeviceError():
            return str(error), ExitCode.DEVICE
        case RunError():
            return str(error), error.exit_code
        case torch.OutOfMemoryError():
            return (
                f"the device ran out of memory ({str(error).split('.')[0]}); set model.recompute = "
                "'segments', or lower train.batch_size and raise train.accumulation_steps as much"
            ), ExitCode.DEVICE
        case _:
            return str(error), ExitCode.SETTINGS


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m vsr_train", description="Train a video super-resolution network."
    )
    parser.add_argument("--settings", metavar="FILE", help="a TOML file, as in configs/")
    parser.add_argument(
        "--set", metavar="SECTION.NAME=VALUE", action="append", default=[], help="one setting"
    )
    parser.add_argument(
        "--resume",
        metavar="auto|PATH|STEP",
        help="go on from this run's newest checkpoint, a file, or this run's checkpoint of a step",
    )
    parser.add_argument(
        "--init", metavar="PATH", help="start at step 0 from weights, or a checkpoint's"
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
    return parser


def _tell_of_decoding(console: Console) -> None:
    """Print what vsr_data logs: decoding footage for the first time can take minutes."""
    logger = logging.getLogger("vsr_data")
    logger.setLevel(logging.INFO)
    logger.handlers = [
        RichHandler(console=console, show_time=False, show_level=False, show_path=False)
    ]


def _stop_on_signals() -> "_StopRequest":
    request = _StopRequest()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, request.make)
    return request


class _StopRequest:
    """Whether someone asked the run to stop; asking twice does not wait for the step to end."""

    def __init__(self) -> None:
        self._made = False

    def make(self, number: int, frame: FrameType | None) -> None:
        if self._made:
            signal.default_int_handler(number, frame)
        self._made = True

    def __call__(self) -> bool:
        return self._made


if __name__ == "__main__":
    sys.exit(main())
