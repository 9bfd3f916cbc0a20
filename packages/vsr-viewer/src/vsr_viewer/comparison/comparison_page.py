"""Several runs side by side as one page."""

from collections.abc import Iterator, Sequence
from typing import Final

from vsr_viewer.charts import Chart, Curve, Series, drawn, thinned
from vsr_viewer.comparison.compared import Compared
from vsr_viewer.comparison.samples import samples
from vsr_viewer.comparison.tables import figures, key, settings
from vsr_viewer.figures import count, moment
from vsr_viewer.page import BUCKETS, LIMIT, Section, document, links, missing, span
from vsr_viewer.pictures import Embedded, Sources
from vsr_viewer.record import Columns

MARKUP: Final = 250_000
"""Bytes that are kept for what stands around pictures."""

POINTS: Final = 480
"""Of all curves of a chart together where they are many, at least 60 each: more would be noise."""

MOST_BANDS: Final = 3
"""Runs whose curves show what their means leave out; of more, bands would hide one another."""


def comparison_on_its_own(runs: Sequence[Compared], left_out: int, now: float) -> str:
    """Return the page, at most `LIMIT` bytes.

    Args:
        runs: two or more.
        left_out: how many more there would be.
        now: Unix seconds.
    """
    when = moment(now)
    without = _page(runs, left_out, now, Embedded(0), when=when)
    room = Embedded(LIMIT - MARKUP - len(without.encode()))
    return _page(runs, left_out, now, room, when=when)


def comparison_from_server(
    runs: Sequence[Compared], left_out: int, now: float, sources: Sources, crumb: str
) -> str:
    """Return the page whose pictures `sources` names."""
    return _page(runs, left_out, now, sources, crumb=crumb)


def _page(
    runs: Sequence[Compared],
    left_out: int,
    now: float,
    sources: Sources,
    *,
    when: str = "",
    crumb: str = "",
) -> str:
    shared, wrong = samples(runs, sources)
    told = [f"{one.label}: {each}" for one in runs for each in one.record.missing]
    if left_out:
        told.insert(0, f"{count(left_out, 'run')} more, whose rows are older")
    sections = [
        Section("figures", "What they came to", figures(runs, now)),
        Section("samples", "One over the other", shared),
        Section("curves", "Curves", _curves(runs)),
        Section("settings", "Where they differ", settings(runs)),
        Section("missing", "Not shown", missing(told, wrong), is_listed=False),
    ]
    names = "".join(key(one) for one in runs)
    head = f'<h1>{count(len(runs), "run")} side by side</h1><p class="keys">{names}</p>'
    title = " · ".join(one.label for one in runs[:4])
    top = Section("top", "", head + links(sections))
    return document(title, [top, *sections], when=when, crumb=crumb)


def _curves(runs: Sequence[Compared]) -> str:
    first, last = span([one.record for one in runs])
    shown = [drawn(chart, first, last) for chart in _charts(runs)]
    return f'<div class="charts">{"".join(shown)}</div>' if any(shown) else ""


def _charts(runs: Sequence[Compared]) -> Iterator[Chart]:
    yield _chart(runs, "Over bicubic", "dB, validation", "gain_bicubic_db", "signed 2")
    yield _chart(runs, "PSNR", "dB, validation", "psnr", "fixed 2")
    yield _chart(runs, "Added by neighbours", "dB, validation", "temporal_db", "signed 2")
    yield _chart(runs, "SSIM", "validation", "ssim", "fixed 4")
    yield _chart(
        runs, "Loss", "total as weighted, logarithmic", "loss.total", "fixed 4", is_log=True
    )
    yield _chart(runs, "Gradient norm", "logarithmic", "grad_norm", "fixed 3", is_log=True)
    yield _chart(runs, "Learning rate", "", "lr", "exponent")
    yield _chart(runs, "Pace", "samples a second", "samples_per_s", "fixed 1")


def _chart(
    runs: Sequence[Compared], title: str, unit: str, name: str, figure: str, *, is_log: bool = False
) -> Chart:
    series = [
        Series(one.label, _curve(_rows(one, name), name, len(runs)), one.style) for one in runs
    ]
    return Chart(title, unit, series, figure, is_log=is_log)


def _rows(one: Compared, name: str) -> Columns:
    log = one.record.log
    return log.validation if name in log.validation else log.training


def _curve(rows: Columns, name: str, runs: int) -> Curve:
    if runs <= MOST_BANDS:
        return thinned(rows.steps, rows[name], BUCKETS)
    return Curve(thinned(rows.steps, rows[name], max(60, POINTS // runs)).line)
