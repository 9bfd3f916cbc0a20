"""What was found as text: a table with a row for every file, and then everything in sentences."""

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from vsr_data.doctor.findings import Examined
from vsr_data.doctor.report import Report
from vsr_data.doctor.words import count, leak_text, length_text, short_name, size_text, specials

STYLES = {"good": "green", "usable": "yellow", "refused": "red"}
MOST_LEAKS = 20  # that are told one by one


def printed(report: Report) -> Iterator[RenderableType]:
    """Yield what to print, in order; names are text, whatever brackets they have."""
    yield files_table(report)
    yield from _sentences(report)


def files_table(report: Report) -> Table:
    """The table; columns that would be empty are left out."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("file", overflow="fold", min_width=12)
    for name in ("codec", "size"):
        table.add_column(name)
    for name in ("frames", "cuts", "motion", "detail", "noise", "blocks"):
        table.add_column(name, justify="right")
    shows_specials = any(specials(file) for file in report.files)
    if shows_specials:
        table.add_column("of note")
    shows_roles = len({file.role for file in report.files}) > 1
    if shows_roles:
        table.add_column("for")
    table.add_column("verdict")
    for file in report.files:
        cells = [short_name(file.path), *_figures(file)]
        cells += [", ".join(specials(file))] if shows_specials else []
        cells += [file.role] if shows_roles else []
        table.add_row(*(Text(cell) for cell in cells), Text(file.verdict, STYLES[file.verdict]))
    return table


def _figures(file: Examined) -> list[str]:
    account = file.account
    if not account.decoded:
        return [account.codec or "–", size_text(file), *["–"] * 6]
    return [
        account.codec or "–",
        size_text(file),
        str(account.decoded),
        str(len(account.cuts)),
        *(f"{value:.1f}" for value in (account.motion, account.detail, account.noise)),
        f"{account.blockiness:.2f}",
    ]


def _sentences(report: Report) -> Iterator[RenderableType]:
    for file in report.files:
        for remark in file.remarks:
            yield Text(f"{file.path}: {remark.sentence}")
    for remark in report.remarks:
        yield Text(remark.sentence)
    for leak in report.leaks[:MOST_LEAKS]:
        yield Text(leak_text(leak))
    if len(report.leaks) > MOST_LEAKS:
        yield Text(f"and {len(report.leaks) - MOST_LEAKS} more stretches that two files share")
    yield Text(totals(report))
    for refusal in report.refusals:
        yield Text(f"not fit for training: {refusal}", "red")


def totals(report: Report) -> str:
    """All of it in one line."""
    files = count(len(report.files), "file")
    return (
        f"{len(report.usable)} of {files} usable, {length_text(3600 * report.hours)}, "
        f"{count(report.windows, 'training window')}"
    )
