"""Curves over the steps as SVG that needs no script, and that a script can read figures from.

The plot is stretched to the width there is, strokes and text are not: curves lie in the steps' and
figures' own numbers under one transformation, labels outside of it. A page's style decides colours.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from vsr_viewer.charts.axes import Axis, linear, logarithmic
from vsr_viewer.charts.thinning import Curve
from vsr_viewer.text import shown

HEIGHT: Final = 190
"""Of the plot, in pixels."""

BELOW: Final = 22
"""Height of the labels under it, in pixels."""

SIDE: Final = 1000
"""Of the plot's own coordinates."""

FEW: Final = 32
"""Points of a curve that are marked with a dot each, at most."""


@dataclass(frozen=True)
class Series:
    """One curve of a chart."""

    name: str
    curve: Curve
    style: str
    """Class of its colour and dashes."""
    is_level: bool = False
    """Whether it is only there to compare with: drawn thin."""


@dataclass(frozen=True)
class Chart:
    """A figure over the steps."""

    title: str
    unit: str
    series: Sequence[Series]
    figure: str
    """How figures are written: `fixed N`, `signed N`, `exponent` or `percent`."""
    is_log: bool = False
    note: str = ""


def drawn(chart: Chart, first_step: int, last_step: int) -> str:
    """Return a chart as HTML; empty where nothing of it is known.

    Args:
        chart: what to draw.
        first_step: where the horizontal axis begins.
        last_step: where it ends.
    """
    values = [v for one in chart.series for v in one.curve.values if not chart.is_log or v > 0]
    if not values:
        return ""
    low, high = min(values), max(values)
    is_share = chart.figure == "percent"
    y_axis = logarithmic(low, high, 5) if chart.is_log else linear(low, high, 5, is_share=is_share)
    x_axis = linear(first_step, max(last_step, first_step + 1), 5, tight=True)
    title = f"{chart.title}{', ' if chart.unit else ''}{chart.unit}"
    legend = "".join(_legend(one, chart) for one in chart.series if one.curve.values)
    note = f'<p class="small faint">{chart.note}</p>' if chart.note else ""
    return (
        f'<figure class="chart" data-figure="{chart.figure}"{" data-log" * chart.is_log}>'
        f'<figcaption><b>{chart.title}</b> <span class="faint">{chart.unit}</span>'
        '<span class="at"></span></figcaption>'
        f'<ul class="legend">{legend}</ul><div class="frame">{_left_labels(y_axis)}'
        f'<svg class="plot" tabindex="0" role="img" aria-label="{_told(title, chart)}" '
        f'data-low="{x_axis.low:g}" data-high="{x_axis.high:g}" height="{HEIGHT + BELOW}">'
        f"{_grid(x_axis, y_axis)}{_curves(chart, x_axis, y_axis)}"
        f'<line class="cursor" y1="0" y2="{HEIGHT}" x1="0" x2="0"/></svg></div>{note}</figure>'
    )


def written(value: float, figure: str) -> str:
    """Return a figure as its chart writes it."""
    kind, _, digits = figure.partition(" ")
    match kind:
        case "exponent":
            return f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e")
        case "percent":
            return f"{value:.0%}"
        case "signed":
            return f"{value:+.{digits}f}".replace("-", "−")
        case _:
            return f"{value:,.{digits}f}".replace("-", "−")


def _told(title: str, chart: Chart) -> str:
    """What a chart shows, for those who do not see it."""
    ends = []
    for one in chart.series:
        values = [value for _, value in one.curve.line if not math.isnan(value)]
        if values:
            first, last = (written(value, chart.figure) for value in (values[0], values[-1]))
            ends.append(f"{one.name} from {first} to {last}")
    return shown(f"{title} over the steps: {'; '.join(ends)}", 600)


def _legend(one: Series, chart: Chart) -> str:
    last = next(value for _, value in reversed(one.curve.line) if not math.isnan(value))
    return (
        f'<li class="{one.style}"><svg class="key" width="22" height="10" aria-hidden="true">'
        f'<line class="{"level" if one.is_level else "line"}" x1="1" x2="21" y1="5" y2="5"/></svg>'
        f"<span>{shown(one.name, 60)}</span> "
        f'<b class="value">{written(last, chart.figure)}</b></li>'
    )


def _left_labels(axis: Axis) -> str:
    labels = "".join(
        f'<text x="100%" dx="-6" dy="4" y="{_y(axis, at):.1f}">{label}</text>'
        for at, label in axis.ticks
    )
    return (
        f'<svg class="left" aria-hidden="true" height="{HEIGHT + BELOW}" '
        f'text-anchor="end">{labels}<text x="100%" dx="-6" y="{HEIGHT + 16}">step</text></svg>'
    )


def _grid(x_axis: Axis, y_axis: Axis) -> str:
    lines = [
        f'<line class="grid" x1="0" x2="100%" y1="{_y(y_axis, at):.1f}" y2="{_y(y_axis, at):.1f}"/>'
        for at, _ in y_axis.ticks
    ]
    for at, label in x_axis.ticks:
        part = x_axis.part(at)
        anchor = "start" if part < 0.03 else "end" if part > 0.97 else "middle"
        lines.append(
            f'<text x="{part:.2%}" y="{HEIGHT + 16}" text-anchor="{anchor}">{label}</text>'
        )
    return "".join(lines)


def _y(axis: Axis, place: float) -> float:
    return HEIGHT * (1 - axis.part(place))


def _curves(chart: Chart, x_axis: Axis, y_axis: Axis) -> str:
    """Draw all curves in their own numbers, under the transformation that fits them in."""
    x, y = SIDE / (x_axis.high - x_axis.low), -SIDE / (y_axis.high - y_axis.low)
    matrix = f"matrix({x:.9g} 0 0 {y:.9g} {-x * x_axis.low:.9g} {-y * y_axis.high:.9g})"
    drawn_last = sorted(chart.series, key=lambda one: not one.is_level)
    paths = "".join(_paths(one, is_log=chart.is_log) for one in drawn_last)
    return (
        f'<svg x="0" y="0" width="100%" height="{HEIGHT}" viewBox="0 0 {SIDE} {SIDE}" '
        f'preserveAspectRatio="none"><g transform="{matrix}">{paths}</g></svg>'
    )


def _paths(one: Series, *, is_log: bool) -> str:
    curve = one.curve
    line = [(at, _height(value, is_log=is_log)) for at, value in curve.line]
    known = [point for point in line if not math.isnan(point[1])]
    parts = []
    if curve.band:
        upper = [(at, _height(high, is_log=is_log)) for at, _, high in curve.band]
        lower = [(at, _height(low, is_log=is_log)) for at, low, _ in curve.band]
        edges = zip(upper, lower, strict=True)
        both = [(up, down) for up, down in edges if not (math.isnan(up[1]) or math.isnan(down[1]))]
        around = [up for up, _ in both] + [down for _, down in reversed(both)]
        parts.append(f'<path class="band {one.style}" d="{_path(around)}Z"/>' if around else "")
    kind = "level" if one.is_level else "line"
    parts.append(
        f'<path class="{kind} {one.style}" data-name="{shown(one.name, 60)}" d="{_path(line)}"/>'
    )
    if not one.is_level and len(known) <= FEW:
        dots = "".join(f"M{at:.10g} {value:.6g}h0" for at, value in known)
        parts.append(f'<path class="dots {one.style}" d="{dots}"/>')
    return "".join(parts)


def _height(value: float, *, is_log: bool) -> float:
    if not is_log:
        return value
    return math.log10(value) if value > 0 else math.nan


def _path(points: Iterable[tuple[float, float]]) -> str:
    """Return the points as a path that begins anew after a gap."""
    parts, pen = [], "M"
    for at, value in points:
        if math.isnan(value):
            pen = "M"
            continue
        parts.append(f"{pen}{at:.10g} {value:.6g}")
        pen = "L"
    return "".join(parts)
