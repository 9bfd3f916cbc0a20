"""`prepare`: chosen windows of footage as files, for slow disks, clusters and other trainers."""

import argparse
import sys

from vsr_data.commands.arguments import Commands, a_source, add_settings, settings_of
from vsr_data.preparing.opening import opened_footage
from vsr_data.preparing.plan import SHARD_BYTES, Wanted
from vsr_data.preparing.prepare import Outcome, prepare
from vsr_data.samples.workers import cores
from vsr_files import SteadyStream, expanded, printable
from vsr_settings import ExitCode, Settings, SettingsError
from vsr_settings.errors import ABSENT, Problem
from vsr_settings.rules import broken_rules
from vsr_settings.rules.data import ranges_hold_a_window, validation_held_out

MEGABYTE = 1_000_000
LINES = 10
"""Lines of progress where nobody watches."""


def add_to(commands: Commands) -> None:
    """Add the command and its options."""
    command = commands.add_parser(
        "prepare", help="write chosen windows as pictures or as WebDataset shards"
    )
    command.add_argument(
        "source", type=a_source, metavar="SOURCE", help="as `data.train` takes them"
    )
    command.add_argument("out", metavar="OUT", help="a folder: new, or begun before")
    add_settings(command)
    command.add_argument(
        "--val", type=a_source, metavar="SOURCE", help="a validation source: whole frames of it"
    )
    command.add_argument("--layout", choices=["pictures", "shards"], default="pictures")
    command.add_argument(
        "--windows", type=_count, metavar="N", help="training windows; left out: frames / n_frames"
    )
    command.add_argument(
        "--whole", action="store_true", help="whole frames for training, not crops of data.patch"
    )
    command.add_argument(
        "--shard-mb", type=_count, default=SHARD_BYTES // MEGABYTE, metavar="MB", help="at most"
    )
    command.add_argument("--processes", type=_count, metavar="N", help="left out: one a core")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> ExitCode:
    """Write what is not there yet."""
    wanted = _wanted(options)
    processes = options.processes or cores()
    progress = Progress()
    outcome = prepare(
        wanted,
        expanded(options.out),
        lambda: opened_footage(wanted, processes, progress.say),
        processes=processes,
        watch=progress.watch,
    )
    for item in outcome.rejected:
        print(f"not used: {item.path}: {item.reason}")
    print(_summary(options.out, outcome))
    return ExitCode.DONE


class Progress:
    """How far it is, on the error stream: in one line for a person, in a few for a file."""

    def __init__(self) -> None:
        self._stream = SteadyStream(sys.stderr)
        self._told = -1

    def say(self, line: str) -> None:
        """Tell something else."""
        self._stream.write(f"{line}\n")
        self._stream.flush()

    def watch(self, there: int, total: int) -> None:
        """Tell how many windows are there."""
        text = f"{there} of {total} windows"
        if self._stream.isatty():
            self._stream.write(f"\r{text}" + ("\n" if there == total else ""))
        elif there * LINES // max(total, 1) > self._told:
            self._told = there * LINES // max(total, 1)
            self._stream.write(f"{text}\n")
        self._stream.flush()


def _wanted(options: argparse.Namespace) -> Wanted:
    settings = settings_of(options).settings
    data = settings.data
    chosen = {"train": options.source, "val": options.val or options.source}
    if options.val is None:  # then nothing else is asked for than training's own frames
        chosen["val_frames"] = data.train_frames
    settings = settings.model_copy(update={"data": data.model_copy(update=chosen)})
    if options.val is not None:
        _require_held_out(settings)
    return Wanted(
        settings=settings,
        has_val=options.val is not None,
        layout=options.layout,
        windows=options.windows,
        whole=options.whole,
        shard_bytes=options.shard_mb * MEGABYTE,
    )


def _require_held_out(settings: Settings) -> None:
    """Refuse a validation source that shares frames with training's."""
    broken = broken_rules(settings, rules=(ranges_hold_a_window, validation_held_out))
    problems = [Problem("--val", "data.val", ABSENT, each.rule, each.remedy) for each in broken]
    if problems:
        raise SettingsError(problems)


def _summary(out: str, outcome: Outcome) -> str:
    what = f"{outcome.written + outcome.kept} windows in {outcome.files} files"
    size = f"{outcome.n_bytes / MEGABYTE:.1f} MB"
    if not outcome.written:
        return f"{printable(out)}: nothing to do; {what}, {size}, are there"
    before = f", {outcome.kept} of them from before" if outcome.kept else ""
    return f"{printable(out)}: {what}, {size}{before}; train on it with data.train = {out!r}"


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{printable(text)!r} is no number: write 1 or more")
    return int(text)
