"""A run's figures over its steps."""

from collections.abc import Iterator
from typing import Final

from vsr_viewer.charts import Chart, Series, drawn, thinned
from vsr_viewer.record import TERMS, Columns, Record

BUCKETS: Final = 300
"""Points of a curve: about as many as it has pixels on a phone, half of those on a desk."""


def curves(record: Record) -> str:
    """Return a run's charts as HTML; empty where there are no figures."""
    first, last = span([record])
    charts = list(_charts(record))
    shown = [drawn(chart, first, last) for chart in charts]
    if not any(shown):
        return ""
    is_thinned = any(one.curve.band for chart in charts for one in chart.series)
    note = (
        '<p class="small faint">A curve of many rows is their mean, each of '
        f"{max(1, (last - first) // BUCKETS):,} steps; the band around it goes from the least to "
        "the largest.</p>"
    )
    return f'{note if is_thinned else ""}<div class="charts">{"".join(shown)}</div>'


def span(records: list[Record]) -> tuple[int, int]:
    """Return where the steps of all charts begin and end: at 0, unless far too much is missing."""
    columns = [each for record in records for each in (record.log.training, record.log.validation)]
    starts = [each.steps[0] for each in columns if each.steps]
    last = max((each.steps[-1] for each in columns if each.steps), default=0)
    first = min(starts, default=0)
    return (0 if first <= last / 10 else first), last


def _charts(record: Record) -> Iterator[Chart]:
    rows, found = record.log.training, record.log.validation
    yield Chart(
        "PSNR", "dB, validation",
        [
            _series("output", found, "psnr", "s0"),
            _level("bicubic", found, "psnr_bicubic", "s1"),
            _level("bilinear", found, "psnr_bilinear", "s2"),
        ],
        "fixed 2",
    )  # fmt: skip
    yield Chart(
        "What is gained", "dB, validation",
        [
            _series("over bicubic", found, "gain_bicubic_db", "s0"),
            _series("by neighbours", found, "temporal_db", "s3"),
        ],
        "signed 2",
    )  # fmt: skip
    yield _loss(record)
    yield Chart(
        "SSIM", "validation",
        [_series("output", found, "ssim", "s0"), _level("bicubic", found, "ssim_bicubic", "s1")],
        "fixed 4",
    )  # fmt: skip
    yield Chart(
        "Sharpness", "share of the ground truth's fine detail, validation",
        [
            _series("output", found, "sharpness", "s0"),
            _level("bicubic", found, "sharpness_bicubic", "s1"),
        ],
        "percent",
    )  # fmt: skip
    yield Chart("Learning rate", "", [_series("lr", rows, "lr", "s0")], "exponent")
    yield _gradient(record)
    yield Chart(
        "Pace", "samples a second", [_series("pace", rows, "samples_per_s", "s0")], "fixed 1"
    )
    yield _memory(record)


def _loss(record: Record) -> Chart:
    """Draw the terms as they count, where the settings say how much."""
    rows = record.log.training
    weights = {term: record.weight(term) for term in TERMS}
    is_weighted = all(weight is not None for weight in weights.values())
    series = []
    for place, term in enumerate(("total", *(term for term in TERMS if term != "total"))):
        weight = weights[term] if is_weighted else 1.0
        values = rows[f"loss.{term}"]
        if not weight or not any(value > 0 for value in values):
            continue
        name = term if weight == 1 else f"{term} × {weight:g}"
        scaled = values if weight == 1 else [weight * value for value in values]
        series.append(Series(name, thinned(rows.steps, scaled, BUCKETS), f"s{place}"))
    if len(series) == 2:  # a total of one term is that term
        series = series[:1]
    unit = "terms as weighted" if is_weighted else "terms, unweighted"
    return Chart("Loss", f"{unit}, logarithmic", series, "fixed 4", is_log=True)


def _gradient(record: Record) -> Chart:
    rows = record.log.training
    series = [_series("norm", rows, "grad_norm", "s0")]
    clip = record.setting("train", "grad_clip")
    highest = max(series[0].curve.values, default=0.0)
    if isinstance(clip, int | float) and 0 < clip < 3 * highest:  # else it would flatten the curve
        ends = [rows.steps[0], rows.steps[-1]]
        series.append(Series("clipped from", thinned(ends, [clip] * 2, 2), "s1", is_level=True))
    return Chart("Gradient norm", "before clipping, logarithmic", series, "fixed 3", is_log=True)


def _memory(record: Record) -> Chart:
    card, process = "highest that the card's allocator held", "highest of the whole process"
    whose = card if record.is_on_card else process
    series = [_series("memory", record.log.training, "memory_mib", "s0")]
    return Chart("Memory", f"MiB, {whose}", series, "fixed 0")


def _series(name: str, columns: Columns, figure: str, style: str) -> Series:
    return Series(name, thinned(columns.steps, columns[figure], BUCKETS), style)


def _level(name: str, columns: Columns, figure: str, style: str) -> Series:
    return Series(name, thinned(columns.steps, columns[figure], BUCKETS), style, is_level=True)
