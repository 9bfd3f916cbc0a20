"""A film's motion, detail and cuts over time, as an SVG that needs nothing else."""

from collections.abc import Iterator
from html import escape
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vsr_data.doctor.findings import Examined
from vsr_data.doctor.words import clock

WIDTH: Final = 600
HEIGHT: Final = 60
BUCKETS: Final = 200
FULL: Final = 20.0
"""Levels at the top of the drawing: all films have the same, by square roots, and compare."""

MOST_CUTS_TOLD: Final = 8


def timeline(file: Examined) -> str:
    """Draw a film that gave frames; empty where there is nothing to draw."""
    frames, series = file.account.decoded, file.series
    if frames < 2 or len(series.numbers) < 2:
        return ""
    first = int(series.numbers[0]) if len(series.numbers) else 0
    span = max(frames - first, int(series.numbers[-1]) - first + 1)
    buckets = min(BUCKETS, span)
    which = (series.numbers - first) * buckets // span
    counts = np.bincount(which, minlength=buckets)
    per_bucket = np.bincount(np.arange(span) * buckets // span, minlength=buckets)
    parts = [
        *_gaps(counts < per_bucket / 2),
        _area(_means(series.motion, which, counts), counts),
        _line(_means(series.detail, which, counts), counts),
        *(_cut((cut - first) / span) for cut in file.account.cuts),
    ]
    label = escape(_told(file))
    return (
        f'<svg class="timeline" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" '
        f'role="img" aria-label="{label}">{"".join(parts)}</svg>'
        f'<div class="times"><span>{clock(file.seconds_of(first)) or first}</span>'
        f"<span>{clock(file.seconds_of(first + span)) or f'{first + span} frames'}</span></div>"
    )


def _told(file: Examined) -> str:
    cuts = file.account.cuts
    if not cuts:
        return "motion and detail over time; no scene cut"
    at = [clock(file.seconds_of(cut)) or f"frame {cut}" for cut in cuts[:MOST_CUTS_TOLD]]
    more = f" and {len(cuts) - MOST_CUTS_TOLD} more" if len(cuts) > MOST_CUTS_TOLD else ""
    return f"motion and detail over time; scene cuts at {', '.join(at)}{more}"


def _means(
    values: NDArray[np.float32], which: NDArray[np.int64], counts: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Height in the drawing of each bucket's mean, from its bottom."""
    sums = np.bincount(which, values, minlength=len(counts))
    means = sums / np.maximum(1, counts)
    return HEIGHT * np.sqrt(np.clip(means / FULL, 0, 1))


def _runs(is_in: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Stretches of buckets for which something holds, each as first and stop."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], is_in.astype(np.int8), [0]])))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _gaps(is_missing: NDArray[np.bool_]) -> Iterator[str]:
    each = WIDTH / len(is_missing)
    for first, stop in _runs(is_missing):
        x, width = first * each, (stop - first) * each
        yield f'<rect class="gap" x="{x:.1f}" y="0" width="{width:.1f}" height="{HEIGHT}"/>'


def _area(heights: NDArray[np.float64], counts: NDArray[np.intp]) -> str:
    each = WIDTH / len(heights)
    shapes = []
    for first, stop in _runs(counts > 0):
        steps = "".join(
            f"V{HEIGHT - heights[i]:.1f}H{(i + 1) * each:.1f}" for i in range(first, stop)
        )
        shapes.append(f"M{first * each:.1f} {HEIGHT}{steps}V{HEIGHT}Z")
    return f'<path class="motion" d="{"".join(shapes)}"/>'


def _line(heights: NDArray[np.float64], counts: NDArray[np.intp]) -> str:
    each = WIDTH / len(heights)
    shapes = [
        "M"
        + "L".join(f"{(i + 0.5) * each:.1f} {HEIGHT - heights[i]:.1f}" for i in range(first, stop))
        for first, stop in _runs(counts > 0)
    ]
    return f'<path class="detail" d="{"".join(shapes)}"/>'


def _cut(place: float) -> str:
    x = f"{place * WIDTH:.1f}"
    return f'<line class="cut" x1="{x}" x2="{x}" y1="0" y2="{HEIGHT}"/>'
