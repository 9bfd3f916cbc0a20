"""`doctor`: what training would see of footage, and what is wrong with it."""

import argparse
import sys
from pathlib import Path
from typing import Final, TextIO

from rich.console import Console
from rich.text import Text

from vsr_data.commands.arguments import Commands, a_source, add_settings, settings_of
from vsr_data.doctor import diagnose
from vsr_data.doctor.as_json import as_json
from vsr_data.doctor.contact_sheet import contact_sheet, write_contact_sheet
from vsr_data.doctor.display import Display
from vsr_data.doctor.page import page
from vsr_data.doctor.report import Report
from vsr_data.doctor.table import printed
from vsr_data.request import Request
from vsr_files import SteadyStream, expanded, make_folder, printable, replacing
from vsr_settings import Data, ExitCode, LoadedSettings
from vsr_settings.schema import Source

PLAIN_COLUMNS: Final = 140
"""Columns where there is no terminal: rich's 80 would fold the table."""

PAGE: Final = "doctor.html"
SHEET: Final = "windows.png"


def add_to(commands: Commands) -> None:
    """Add the command and its options."""
    command = commands.add_parser(
        "doctor",
        help="say what training would see of footage, and what is wrong with it",
        description="Read footage once, as training would, and say what is wrong with it. Exits "
        "with 3 where nothing can be used or where validation shows what training shows.",
    )
    command.add_argument(
        "sources",
        nargs="*",
        type=a_source,
        metavar="SOURCE",
        help="as data.train takes them; left out: what the settings say",
    )
    add_settings(command)
    command.add_argument(
        "--val", type=a_source, metavar="SOURCE", help="validation: looked at, and for leaks"
    )
    command.add_argument("--json", action="store_true", help="print the findings as JSON")
    command.add_argument(
        "--out", metavar="DIR", help=f"a folder for a page ({PAGE}) and a contact sheet ({SHEET})"
    )
    command.add_argument(
        "--jobs",
        type=_jobs,
        metavar="N",
        help="files read at once, each in a process of its own; as many as cores if left out; 0 "
        "reads one after the other in this process",
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> ExitCode:
    """Look at every file, and say what there is to say."""
    loaded = settings_of(options)
    requests = requests_of(loaded, options.sources, options.val)
    if not requests:
        print("give a SOURCE to look at, or --settings with data.train", file=sys.stderr)
        return ExitCode.SETTINGS
    if options.out is not None:
        _make_folder(options.out)
    errors, console = _console(sys.stderr), _console(sys.stdout)
    with Display(errors) as display:
        report = diagnose(
            requests,
            display.show,
            patch_is_given=_is_given(loaded, "data.patch"),
            processes=options.jobs,
        )
    if options.json:
        print(as_json(report))
    else:
        for part in printed(report):
            console.print(part, soft_wrap=isinstance(part, Text))
    if options.out is not None:
        _write(report, expanded(options.out), errors)
    return ExitCode.DATA if report.refusals else ExitCode.DONE


def requests_of(loaded: LoadedSettings, sources: list[str], val: str | None) -> list[Request]:
    """What to look at.

    Args:
        loaded: the settings, which say how it would be used.
        sources: training's, in place of the settings' own where there are some.
        val: validation's.
    """
    data, model = loaded.settings.data, loaded.settings.model
    if sources:
        data = data.model_copy(update={"train": _train(sources, data)})
    elif not _is_given(loaded, "data.train"):
        return []
    if val is not None:
        data = data.model_copy(update={"val": val})
    requests = list(Request.all_of(data, model, "train"))
    if val is not None or (not sources and _is_given(loaded, "data.val")):
        requests += Request.all_of(data, model, "val")
    return requests


def _train(sources: list[str], data: Data) -> str | tuple[Source, ...]:
    if len(sources) == 1:
        return sources[0]
    return tuple(Source(path=source, frames=data.train_frames) for source in sources)


def _is_given(loaded: LoadedSettings, path: str) -> bool:
    """Whether somebody chose a setting."""
    return not loaded.sources[path].startswith("default")


def _jobs(text: str) -> int:
    if not text.isdecimal() or len(text) > 4:
        raise argparse.ArgumentTypeError(f"{printable(text)!r} is no number of processes")
    return int(text)


def _make_folder(out: str) -> None:
    try:
        make_folder(expanded(out))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OSError(None, f"--out {printable(out)!r}: {reason}") from error


def _write(report: Report, folder: Path, console: Console) -> None:
    sheet = contact_sheet(report)
    if sheet is not None:
        write_contact_sheet(sheet, folder / SHEET)
        console.print(f"wrote {printable(folder / SHEET)}", soft_wrap=True)
    with replacing(folder / PAGE) as file:
        file.write(page(report).encode())
    console.print(f"wrote {printable(folder / PAGE)}", soft_wrap=True)


def _console(stream: TextIO | None) -> Console:
    steady = SteadyStream(stream)
    width = None if steady.isatty() else PLAIN_COLUMNS
    return Console(file=steady, width=width, markup=False, emoji=False, highlight=False)  # type: ignore[arg-type]  # rich types its file as IO[str]
