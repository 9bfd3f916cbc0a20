"""The command: load, prepare, train; and one message, with its exit code, for what goes wrong."""

import argparse
import logging

import torch
from rich.console import Console
from rich.logging import RichHandler

from vsr_data import DataError
from vsr_device import DeviceError, PeerError, is_first_process, joined
from vsr_losses import PerceptualWeightsError
from vsr_settings import ExitCode, SettingsError, read
from vsr_train.errors import RunError
from vsr_train.folder import RunFolder, owned
from vsr_train.loop import start
from vsr_train.report import open_consoles
from vsr_train.run import opening, prepare, validate_only
from vsr_train.signals import Signals

EXPLAINED = (
    SettingsError, PerceptualWeightsError, DataError, DeviceError, PeerError, RunError,
    torch.OutOfMemoryError,
)  # fmt: skip
"""What a user can cause; anything else is a bug, and shows its traceback."""


def execute(chosen: argparse.Namespace, signals: Signals) -> int:
    """Do what the options say; return the exit code."""
    console, errors = open_consoles()
    _show_decoding(errors)
    try:
        _run(chosen, console, errors, signals)
    except EXPLAINED as error:
        message, code = _explain(error)
        if is_first_process():  # which knows the reason of any other, too
            errors.print(f"error: {message}", soft_wrap=True)
        return code
    return ExitCode.DONE


def _run(chosen: argparse.Namespace, console: Console, errors: Console, signals: Signals) -> None:
    loaded = read(chosen.settings, chosen.set)
    for warning in loaded.warnings if is_first_process() else ():
        errors.print(f"warning: {warning}", soft_wrap=True)
    if chosen.validate_only:
        validate_only(loaded.settings, chosen.resume or "auto", console, protocol=chosen.protocol)
        return
    folder = RunFolder.of(loaded.settings)
    with (
        joined(loaded.settings, _reason) as processes,
        owned(folder, alone=processes.is_first and not chosen.check),
    ):
        run = prepare(
            loaded.settings,
            resume=chosen.resume,
            init=chosen.init,
            overwrite=chosen.overwrite,
            check_only=chosen.check,
            processes=processes,
        )
        if not chosen.check:
            start(run, console, signals, overwrite=chosen.overwrite)
        elif processes.is_first:
            for line in opening(run):
                console.print(line, soft_wrap=True)


def _reason(error: BaseException) -> tuple[str, int] | None:
    """Return what the other processes are told; None of a bug."""
    return _explain(error) if isinstance(error, EXPLAINED) else None


def _explain(error: Exception) -> tuple[str, int]:
    """Return the message and the exit code of what a user can cause."""
    match error:
        case DataError():
            return str(error), ExitCode.DATA
        case DeviceError():
            return str(error), ExitCode.DEVICE
        case RunError() | PeerError():
            return str(error), error.exit_code
        case torch.OutOfMemoryError():
            return (
                f"the device ran out of memory ({str(error).split('.')[0]}); set model.recompute = "
                "'segments', or lower train.batch_size and raise train.accumulation_steps as much"
            ), ExitCode.DEVICE
        case _:
            return str(error), ExitCode.SETTINGS


def _show_decoding(console: Console) -> None:
    """Print what vsr_data logs: decoding footage for the first time can take minutes."""
    logger = logging.getLogger("vsr_data")
    logger.setLevel(logging.INFO)
    logger.handlers = [
        RichHandler(console=console, show_time=False, show_level=False, show_path=False)
    ]
