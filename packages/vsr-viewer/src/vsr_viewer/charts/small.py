"""Small drawings: how far a run is, a curve beside its name, verdicts and memory as bars."""

import math
from collections.abc import Sequence
from typing import Final

from vsr_viewer.charts.thinning import Point, extremes
from vsr_viewer.text import shown

SPARK_POINTS: Final = 60
SPARK_WIDTH, SPARK_HEIGHT = 120, 32


def progress(part: float, told: str) -> str:
    """Return a bar of how much is done, 0 to 1."""
    width = f"{100 * min(max(part, 0.0), 1.0):.2f}%"
    return (
        f'<svg class="progress" role="img" aria-label="{shown(told)}" width="100%" height="8">'
        '<rect class="rest" width="100%" height="8" rx="4"/>'
        f'<rect class="done" width="{width}" height="8" rx="4"/></svg>'
    )


def spark(steps: Sequence[int], values: Sequence[float], told: str) -> str:
    """Return a tiny curve without axes; a line at 0 where it crosses that."""
    points = [
        each for each in extremes(steps, values, SPARK_POINTS).line if not math.isnan(each[1])
    ]
    if len(points) < 2:
        return ""
    low, high = min(value for _, value in points), max(value for _, value in points)
    x, y = points[-1][0] - points[0][0] or 1, high - low or 1.0

    def place(point: Point) -> str:
        across = 2 + (SPARK_WIDTH - 4) * (point[0] - points[0][0]) / x
        down = 3 + (SPARK_HEIGHT - 6) * (high - point[1]) / y
        return f"{across:.1f} {down:.1f}"

    path = "M" + "L".join(map(place, points))
    zero = ""
    if low < 0 < high:
        at = 3 + (SPARK_HEIGHT - 6) * high / y
        zero = f'<line class="zero" x1="0" x2="{SPARK_WIDTH}" y1="{at:.1f}" y2="{at:.1f}"/>'
    return (
        f'<svg class="spark" role="img" aria-label="{shown(told)}" width="{SPARK_WIDTH}" '
        f'height="{SPARK_HEIGHT}">{zero}<path class="line s0" d="{path}"/>'
        f'<path class="dots s0" d="M{place(points[-1])}h0"/></svg>'
    )


def phases(parts: Sequence[tuple[int, int, str, str]], last_step: int) -> str:
    """Return a bar of stretches of steps.

    Args:
        parts: first and stop step of each, its class, and what it says.
        last_step: where the bar ends.
    """
    whole = max(1, last_step)
    rects = "".join(
        f'<rect class="{style}" x="{100 * first / whole:.2f}%" '
        f'width="{100 * max(stop - first, 0) / whole:.2f}%" height="14">'
        f"<title>{shown(told)}</title></rect>"
        for first, stop, style, told in parts
    )
    told = "; ".join(each[3] for each in parts)
    return (
        f'<svg class="phases" role="img" aria-label="{shown(told, 600)}" width="100%" '
        f'height="14">{rects}</svg>'
    )


def bar(parts: Sequence[tuple[float, str, str]], most: float, mark: float | None, told: str) -> str:
    """Return a bar of parts in a row.

    Args:
        parts: size of each, its class, and what it says.
        most: what the whole width stands for.
        mark: where a limit is drawn, in the same unit; None for none.
        told: the bar for those who do not see it.
    """
    rects, at = [], 0.0
    for size, style, name in parts:
        if size > 0:
            rects.append(
                f'<rect class="{style}" x="{100 * at / most:.2f}%" '
                f'width="{100 * size / most:.2f}%" height="22"><title>{shown(name)}</title></rect>'
            )
        at += max(size, 0)
    if mark is not None and 0 < mark <= most:
        x = f"{100 * mark / most:.2f}%"
        rects.append(f'<line class="limit" x1="{x}" x2="{x}" y1="0" y2="22"/>')
    return (
        f'<svg class="bar" role="img" aria-label="{shown(told, 600)}" width="100%" height="22">'
        f"{''.join(rects)}</svg>"
    )
