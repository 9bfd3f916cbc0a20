"""The command: load, enlarge, and one message, with its exit code, for what goes wrong."""

import argparse
import errno
import re
import shlex
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import torch
from av.error import FFmpegError
from rich.console import Console

from vsr_device import DeviceError
from vsr_files import SteadyStream, expanded, printable
from vsr_model import WeightsError, load_weights, read_facts
from vsr_settings import ExitCode
from vsr_settings.degradation_text import describe_degradation, restore_degradation
from vsr_upscale.enlarging import upscale
from vsr_upscale.errors import UpscaleError
from vsr_upscale.output.job import SUFFIX
from vsr_upscale.preview import write_preview
from vsr_upscale.progress import Count, Display, duration_text, size_text
from vsr_upscale.request import Request
from vsr_upscale.run import Summary

PLAIN_COLUMNS = 120
"""Columns where there is no terminal."""


def execute(chosen: argparse.Namespace, arguments: list[str]) -> int:
    """Do what the options say; return the exit code."""
    console = _console()
    try:
        _run(chosen, console)
    except (UpscaleError, DeviceError, WeightsError) as error:
        console.print(f"error: {error}", soft_wrap=True)
        return _code(error)
    except (OSError, FFmpegError) as error:
        console.print(f"error: {_unwritten(error, chosen, arguments)}", soft_wrap=True)
        return ExitCode.SETTINGS
    except RuntimeError as error:  # torch has none of its own for the CPU
        if not isinstance(error, torch.OutOfMemoryError) and "allocate" not in str(error):
            raise
        reason = str(error).strip().splitlines()[0].split(". ")[0]
        console.print(
            f"error: the device ran out of memory ({reason}); ask for smaller tiles, as in "
            f"--tile 256{_further(chosen, arguments)}",
            soft_wrap=True,
        )
        return ExitCode.DEVICE
    except KeyboardInterrupt as interrupt:
        number = getattr(interrupt, "number", signal.SIGINT)
        name = signal.Signals(number).name
        console.print(f"stopped by {name}{_further(chosen, arguments)}", soft_wrap=True)
        return 128 + int(number)
    return ExitCode.DONE


def _run(chosen: argparse.Namespace, console: Console) -> None:
    network = load_weights(chosen.weights, n_frames=chosen.n_frames)
    request = _request(chosen)

    def say(line: str) -> None:
        console.print(line, soft_wrap=True)

    if (training := trained(read_facts(chosen.weights))) is not None:
        say(training)
    if chosen.preview:
        write_preview(chosen.film, chosen.out, network, request)
        say(f"wrote {printable(chosen.out)}")
        return
    count = Count()
    with Display(console, count) as display:

        def watch(now: Count) -> None:
            vars(count).update(vars(now))
            display.show()

        summary = upscale(chosen.film, chosen.out, network, request, say=say, watch=watch)
    say(_last_line(summary))


def trained(facts: Mapping[str, str]) -> str | None:
    """Return what weights say of their training, in a line; None where they say nothing.

    Args:
        facts: as `vsr_model.read_facts` returns them; from outside, and believed to be nothing.
    """
    degradation = restore_degradation(facts.get("degradation", ""))
    told = [] if degradation is None else [f"for {describe_degradation(degradation)}"]
    if re.fullmatch("[0-9]{1,12}", facts.get("step", "")):
        told.append(f"up to step {facts['step']}")
    if re.fullmatch(r"-?[0-9]{1,3}\.[0-9]{1,20}", facts.get("gain_bicubic_db", "")):
        told.append(f"to {float(facts['gain_bicubic_db']):+.2f} dB over bicubic in validation")
    return f"the network was trained {', '.join(told)}" if told else None


def _request(chosen: argparse.Namespace) -> Request:
    options = []
    for text in chosen.encoder_option:
        name, equals, value = text.partition("=")
        if not equals:
            raise UpscaleError(f"--encoder-option is {text!r}; write it as NAME=VALUE")
        options.append((name, value))
    return Request(
        start=chosen.start,
        duration=chosen.duration,
        deinterlace=chosen.deinterlace,
        encoder=chosen.encoder,
        quality=chosen.quality,
        pixel_format=chosen.pixel_format,
        encoder_options=tuple(options),
        compare=chosen.compare,
        device=chosen.device,
        precision=chosen.precision,
        tile=chosen.tile,
        overwrite=chosen.overwrite,
        resume=chosen.resume,
    )


def _last_line(summary: Summary) -> str:
    out = "the standard output" if summary.out == "-" else printable(summary.out)
    frames = "1 frame" if summary.frames == 1 else f"{summary.frames} frames"
    damaged = f" ({summary.damaged} damaged in the film)" if summary.damaged else ""
    agreement = (
        ""
        if summary.agreement_db is None
        else f"; reduced to the film's size it is {summary.agreement_db:.1f} dB like the film"
    )
    return (
        f"{out}: {frames}{damaged}, {size_text(summary.size)} in "
        f"{duration_text(summary.seconds)}, {summary.fps:.2f} fps; the network computed "
        f"{100 * summary.network_share:.0f} % of the time{agreement}"
    )


def _code(error: Exception) -> int:
    if isinstance(error, DeviceError):
        return ExitCode.DEVICE
    return getattr(error, "exit_code", ExitCode.SETTINGS)


def _unwritten(error: Exception, chosen: argparse.Namespace, arguments: list[str]) -> str:
    cause = _cause(error)
    code = getattr(cause, "errno", None)
    if code == errno.EPIPE:
        return "whoever reads the output has gone"
    reason = getattr(cause, "strerror", None) or str(cause)
    what = "the disk is full" if code == errno.ENOSPC else f"{reason[:1].lower()}{reason[1:]}"
    return f"{printable(chosen.out)!r} cannot be written: {what}{_further(chosen, arguments)}"


def _cause(error: BaseException) -> BaseException:
    """What the system said, where libav says only that a callback failed."""
    chain: BaseException | None = error
    while chain is not None:
        if type(chain) is OSError or isinstance(chain, BrokenPipeError):
            return chain
        chain = chain.__cause__ or chain.__context__
    return error


def _further(chosen: argparse.Namespace, arguments: list[str]) -> str:
    """How to go on, where something is there to go on with."""
    out = expanded(chosen.out)
    if not out.is_dir() and not Path(f"{out}{SUFFIX}", "job.json").exists():
        return ""
    words = [each for each in arguments if each not in {"--resume", "--overwrite"}]
    command = shlex.join(["python", "-m", "vsr_upscale", "--resume", *words])
    return f"; what is done is kept, go on with: {command}"


def _console() -> Console:
    """Where lines go: beside the output, which may be the standard output itself."""
    steady = SteadyStream(sys.stderr)
    width = None if steady.isatty() else PLAIN_COLUMNS
    return Console(
        file=steady,  # type: ignore[arg-type]  # rich types its file as IO[str]
        width=width,
        markup=False,
        emoji=False,
        highlight=False,
    )
