"""Everything that was found as one page: no network, no script, light and dark, phone and desk."""

from collections.abc import Iterator
from html import escape
from importlib.resources import files
from typing import Final

from vsr_data.doctor.card import card
from vsr_data.doctor.contact_sheet import chosen
from vsr_data.doctor.findings import Examined, Remark
from vsr_data.doctor.report import Report
from vsr_data.doctor.shared_scenes import shared_scenes
from vsr_data.doctor.words import (
    capital,
    count,
    length_text,
    short_name,
    size_text,
    specials,
)
from vsr_files import printable
from vsr_settings.degradation import Pipeline

MOST_CARDS: Final = 150
MOST_NAMES: Final = 12

POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What the page may load: nothing that is not in it."""

FIGURES: Final = """<details><summary>What the figures mean</summary>
<p><b>Motion</b> is how much a frame differs from the one before, <b>detail</b> how much
neighbouring pixels differ, both in levels of 255 on a picture of about 240 rows, so that films of
any size compare. <b>Noise</b> is the grain's standard deviation in levels. <b>Blocks</b> compares
steps across the borders of a codec's 8×8 blocks with steps elsewhere; 1 means that no blocks show.
A <b>window</b> is the handful of neighbouring frames that the network is given at once; none
crosses a scene cut, a damaged frame or a gap.</p></details>"""


def page(report: Report) -> str:
    """The page as HTML."""
    style = files("vsr_data.doctor").joinpath("page.css").read_text(encoding="utf-8")
    title = escape(f"What training would see: {_sources(report)}")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>{title}</title>\n<style>\n{style}</style></head>\n<body>\n"
        + "\n".join(_parts(report))
        + "\n</body></html>\n"
    )


def _parts(report: Report) -> Iterator[str]:
    numbers = {id(file): i for i, file in enumerate(report.files)}
    yield _head(report)
    yield _banner(report)
    yield _tiles(report)
    yield from _to_do(report, numbers)
    yield from shared_scenes(report)
    yield from _table(report, numbers)
    yield from _cards(report, numbers)
    yield "<footer>Written by <code>python -m vsr_data doctor</code>.</footer>"


def _head(report: Report) -> str:
    request = report.requests[0]
    how = request.degradation
    degraded = "a pipeline of its own" if isinstance(how, Pipeline) else how
    return (
        f"<h1>What training would see</h1>"
        f'<p class="faint">{escape(_sources(report))}<br>windows of {request.n_frames} frames, '
        f"×{request.scale}, low-resolution frames made by <code>{escape(degraded)}</code></p>"
    )


def _sources(report: Report) -> str:
    shown = []
    for role, name in (("train", "training"), ("val", "validation")):
        sources = [one.source for one in report.requests if one.role == role]
        if sources:
            more = f" and {len(sources) - 3} more" if len(sources) > 3 else ""
            shown.append(f"{name}: {', '.join(map(printable, sources[:3]))}{more}")
    return " · ".join(shown)


def _banner(report: Report) -> str:
    if report.refusals:
        reasons = "".join(f"<p>{escape(reason)}</p>" for reason in report.refusals)
        return (
            f'<div class="banner refused"><strong>Not fit for training yet</strong>{reasons}</div>'
        )
    left_out = len(report.files) - len(report.usable)
    flawed = sum(file.verdict == "usable" for file in report.files)
    if not left_out and not flawed:
        return (
            '<div class="banner good"><strong>Fit for training</strong>'
            "<p>Nothing stands out.</p></div>"
        )
    told = [
        f"{count(flawed, 'file is', 'files are')} usable but not perfect" if flawed else "",
        f"{count(left_out, 'file')} cannot be used and will be left out" if left_out else "",
    ]
    text = escape("; ".join(part for part in told if part))
    return (
        '<div class="banner usable"><strong>Fit for training, with remarks</strong>'
        f"<p>{text}.</p></div>"
    )


def _tiles(report: Report) -> str:
    shared = sum(leak.kind == "leak" for leak in report.leaks)
    tiles = [
        (f"{len(report.usable)} of {len(report.files)}", "files usable"),
        (length_text(3600 * report.hours), "of usable film"),
        (count(report.windows, "window"), "to draw samples from"),
    ]
    if any(request.role == "val" for request in report.requests):
        tiles.append((str(shared) if shared else "none", "leaks into validation"))
    cells = "".join(f'<div class="tile"><b>{b}</b><span>{s}</span></div>' for b, s in tiles)
    return f'<div class="tiles">{cells}</div>'


def _to_do(report: Report, numbers: dict[int, int]) -> Iterator[str]:
    items = [
        f"<li><b>{escape(capital(remark.title))}</b>: {escape(remark.sentence)}.</li>"
        for remark in report.remarks
    ]
    for remark, told in report.by_title():
        items.append(_advice(remark, told, numbers))
    refused = [file for file in report.files if file.refused]
    if refused:
        items.append(
            "<li><b>Not used</b>: mend or replace these, or leave them where they are: training "
            f"skips them. Below is why.{_names(refused, numbers)}</li>"
        )
    if items:
        yield f'<h2>What to know and do</h2><ol class="todo">{"".join(items)}</ol>'


def _advice(remark: Remark, told: list[Examined], numbers: dict[int, int]) -> str:
    """One thing, and all files that it is said of."""
    if len(told) == 1:
        text = remark.sentence
    else:
        rest = "; ".join(part for part in (remark.done, remark.advice) if part)
        text = f"{count(len(told), 'file')}{f': {rest}' if rest else ''}"
    title = escape(capital(remark.title))
    return f"<li><b>{title}</b>: {escape(text)}.{_names(told, numbers)}</li>"


def _names(told: list[Examined], numbers: dict[int, int]) -> str:
    links = [
        f'<a href="#f{numbers[id(file)]}">{escape(short_name(file.path))}</a>'
        for file in told[:MOST_NAMES]
    ]
    more = f" and {len(told) - MOST_NAMES} more" if len(told) > MOST_NAMES else ""
    return f'<span class="names">{", ".join(links)}{more}</span>'


def _table(report: Report, numbers: dict[int, int]) -> Iterator[str]:
    shows_roles = len({file.role for file in report.files}) > 1
    rows = "".join(_row(file, numbers[id(file)], shows_role=shows_roles) for file in report.files)
    role = "<th>for</th>" if shows_roles else ""
    yield (
        "<h2>Files</h2><table><tr><th>file</th>"
        f'{role}<th>size</th><th class="n wide">frames</th><th class="n wide">cuts</th>'
        '<th class="n wide">motion</th><th class="n wide">detail</th><th class="n wide">noise</th>'
        '<th class="n wide">blocks</th><th class="n wide">of samples</th><th>verdict</th></tr>'
        f"{rows}</table>{FIGURES}"
    )


def _row(file: Examined, number: int, *, shows_role: bool) -> str:
    account = file.account
    figures = [
        f"{account.decoded}",
        f"{len(account.cuts)}",
        *(f"{each:.1f}" for each in (account.motion, account.detail, account.noise)),
        f"{account.blockiness:.2f}",
        f"{file.share:.0%}" if file.role == "train" else "",
    ]
    cells = "".join(
        f'<td class="n wide">{each if account.decoded else "–"}</td>' for each in figures
    )
    note = "".join(f'<br><span class="faint small">{escape(e)}</span>' for e in specials(file))
    role = f"<td>{file.role}</td>" if shows_role else ""
    return (
        f'<tr><td><a href="#f{number}">{escape(short_name(file.path))}</a>{note}</td>{role}'
        f'<td class="s">{size_text(file)}</td>{cells}'
        f'<td class="s {file.verdict}">{file.verdict}</td></tr>'
    )


def _cards(report: Report, numbers: dict[int, int]) -> Iterator[str]:
    yield (
        '<h2>One by one</h2><p class="small faint"><span class="key motion"></span>motion · '
        '<span class="key detail"></span> detail · <span class="key cut"></span> scene cut · '
        '<span class="key gap"></span>not used. In pictures: what the network is given on the '
        "left, what it should make of it on the right.</p>"
    )
    pictures = {id(file): one for file, one in reversed(chosen(report))}
    for file in report.files[:MOST_CARDS]:
        yield card(file, numbers[id(file)], pictures.get(id(file)))
    if len(report.files) > MOST_CARDS:
        more = count(len(report.files) - MOST_CARDS, "file")
        yield f"<p>and {more} more, which the table above lists.</p>"
