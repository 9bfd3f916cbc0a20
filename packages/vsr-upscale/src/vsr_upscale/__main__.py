"""`python -m vsr_upscale FILM OUT --weights FILE`: parse, then enlarge.

Imports nothing heavy itself: a signal to stop must be heeded before torch is there.
"""

import argparse
import os
import signal
import sys
from types import FrameType

from vsr_files import printable


class Stopped(KeyboardInterrupt):
    """A signal to stop."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(signal.Signals(number).name)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    chosen = _parser().parse_args(arguments)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait for frames must sleep
    os.environ.setdefault("SVT_LOG", "1")  # errors alone
    try:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            _heed(name)
        from vsr_upscale.command import execute  # noqa: PLC0415 - see above

        return execute(chosen, arguments)
    except KeyboardInterrupt as interrupt:
        number = getattr(interrupt, "number", signal.SIGINT)
        print(f"stopped by {signal.Signals(number).name}", file=sys.stderr)
        return 128 + int(number)


def _heed(name: str) -> None:
    """Raise at a signal, unless whoever started us has it ignored, as `nohup` does."""
    number = getattr(signal, name, None)
    if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
        signal.signal(number, _stop)


def _stop(number: int, _: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)  # a second one ends us at once
    raise Stopped(number)


def _seconds(text: str) -> float:
    """Seconds, or `[hours:]minutes:seconds`."""
    total = 0.0
    try:
        for part in text.split(":"):
            total = 60 * total + float(part)
    except ValueError:
        total = -1.0
    if not 0 <= total < 1e7:
        raise argparse.ArgumentTypeError(
            f"{printable(text)!r} is no time: write seconds, or hours:minutes:seconds"
        )
    return total


def _pixels(text: str) -> int:
    """A side of a tile; 0 stands for whole frames."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{printable(text)!r} is no side: write 0, or pixels")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m vsr_upscale",
        description="Enlarge a film, and keep all that is beside its pictures.",
    )
    parser.add_argument("film", help="a film, or a picture")
    parser.add_argument(
        "out", help="a film, a .png, a folder of pictures (its name ends in /), or - for a pipe"
    )
    parser.add_argument("--weights", metavar="FILE", required=True, help="of the network")
    parser.add_argument(
        "--n-frames", type=int, default=5, metavar="T", help="of a window, if the file says not: 5"
    )
    part = parser.add_argument_group("which part")
    part.add_argument("--start", type=_seconds, default=0.0, metavar="TIME")
    part.add_argument("--duration", type=_seconds, metavar="TIME")
    part.add_argument(
        "--deinterlace", choices=["auto", "on", "off"], default="auto", help="fields into frames"
    )
    shown = parser.add_argument_group("what to make of it")
    shown.add_argument("--preview", action="store_true", help="one picture to judge the result by")
    shown.add_argument("--compare", action="store_true", help="bicubic at the left of the output")
    shown.add_argument("--encoder", metavar="NAME", help="libx264, libx265, libsvtav1, ffv1, …")
    shown.add_argument("--quality", type=float, metavar="Q", help="the encoder's figure, as a CRF")
    shown.add_argument("--pixel-format", metavar="NAME", help="yuv420p, yuv444p, yuv420p10le, …")
    shown.add_argument(
        "--encoder-option", metavar="NAME=VALUE", action="append", default=[], help="as libav's"
    )
    there = parser.add_mutually_exclusive_group()
    there.add_argument("--resume", action="store_true", help="go on with what a stopped run left")
    there.add_argument("--overwrite", action="store_true", help="replace what is there")
    where = parser.add_argument_group("where")
    where.add_argument("--device", default="auto", metavar="auto|cpu|cuda|cuda:N|mps")
    where.add_argument("--precision", choices=["auto", "fp32", "fp16", "bf16"], default="auto")
    where.add_argument("--tile", type=_pixels, metavar="PIXELS", help="0 enlarges frames whole")
    return parser


if __name__ == "__main__":
    sys.exit(main())
