"""What training minimises and what it takes: loss terms, learning rate, gradient, memory."""

import math
from typing import Final

from rich.segment import Segment

from vsr_train.report.lines import share
from vsr_train.report.live.charts import chart, curve
from vsr_train.report.live.rows import (
    ACCENT,
    ALARM,
    BOLD,
    CAUTION,
    DIM,
    GOOD,
    LABEL,
    NARROW,
    Block,
    Row,
    bar,
    cropped,
    fitted,
    joined,
    label,
    span,
)
from vsr_train.report.live.status import Status
from vsr_train.report.live.trend import is_logarithmic, trend

SHARES: Final = 64
"""Columns from which on a term's part of the total has a bar."""

FULL_MEMORY: Final = 0.95
"""Share of the memory there is from which on it is nearly full."""

NAMES: Final = {"l1": "l1", "ms": "multi-scale", "grad": "gradient"}
"""Loss terms by the words for them."""


def terms(status: Status, width: int) -> Block:
    """Return a row for each loss term and for the total."""
    title = _columns("loss", "value", "weight", "share")
    block: Block = [(9, (Segment(title, DIM),))]
    found = {} if status.losses is None else status.losses.terms
    for name, weight in status.weights.items():
        block.append((5, _term(status, name, weight, width)))
    if found.get("plain"):
        block.append((5, _term(status, "plain", None, width)))
    block.append((2, _total(status, width)))
    if status.perceptual:
        row = (*label(""), span(status.perceptual, DIM))
        block.append((8, cropped(row, width - 1)))
    return block


def rate(status: Status, width: int) -> Row:
    """Return the learning rate with its phase, and the gradient's norm."""
    if (found := status.losses) is None:
        return (*label("rate"), Segment("…"))
    norm, clip = found.grad_norm, status.grad_clip
    gradient: Row = (span(f"gradient {norm:.3g}"),)
    if not math.isfinite(norm):
        gradient = (span("gradient not finite", ALARM),)
    elif clip:
        limit = f", clipped to {clip:g}" if norm > clip else f" (clip {clip:g})"
        gradient = (*gradient, span(limit, DIM))
    rate = (span(f"{found.lr:.2e}"), span(f" {found.phase}", DIM))
    parts: list[Row] = [rate, gradient]
    if found.withheld:
        parts.append((span(f"{found.withheld} withheld", CAUTION),))
    return (*label("rate"), *joined(parts, width - LABEL - 1))


def memory(status: Status, width: int) -> Row:
    """Return the memory in use beside what was predicted and what there is."""
    found = status.memory
    what = "MiB of tensors" if found.is_process else "MiB"
    predicted = "" if found.predicted is None else f"{found.predicted:,} {what} predicted"
    if found.used is None:
        return (*label("memory"), *joined([(span("…"),), (span(predicted, DIM),)], width - LABEL))
    used = f"{found.used:,} MiB"
    if found.is_process or found.budget is None:
        peak = "peak of the whole process" if found.is_process else "peak"
        parts = ((span(used), span(f" {peak}", DIM)), (span(predicted, DIM),))
        return (*label("memory"), *joined(parts, width - LABEL - 1))
    part = found.used / max(1, found.budget)
    style = ALARM if part > 1 else CAUTION if part > FULL_MEMORY else GOOD
    parts = ((span(used, style), span(f" peak of {found.budget:,}", DIM)), (span(predicted, DIM),))
    text = joined(parts, width - LABEL - 1)
    room = width - LABEL - 1 - sum(len(segment.text) for segment in text) - 3
    mark = None if found.predicted is None else found.predicted / max(1, found.budget)
    row = (*label("memory"), *text)
    return (*row, Segment("  "), *bar(part, min(room, 24), style, mark)) if room >= 8 else row


def loss_chart(status: Status, width: int, height: int) -> list[Row]:
    """Return the total loss over the run, with a title above."""
    values = status.trends.get("total", ())
    if height < 1 or len(values) < 2:
        return []
    scale = ", logarithmic" if is_logarithmic(values) else ""
    return chart(f"total{scale}", values, width, height, ".4f")


def _columns(name: str, value: str, weight: str = "", part: str = "") -> str:
    return f" {name:<{LABEL}}{value:>8}{weight:>9}{part:>7}"


def _term(status: Status, name: str, weight: float | None, width: int) -> Row:
    """Return a loss term: its value, its weight, its part of the total and its course."""
    found = {} if status.losses is None else status.losses.terms
    weighted = "" if weight is None else f"×{weight:g}"
    title = fitted(NAMES.get(name, name), LABEL)
    if weight == 0:
        value = f"{found[name]:.4f}" if found and name != "perceptual" else "–"
        return (Segment(_columns(title, value, weighted, "–"), DIM),)
    if not found:
        return (Segment(_columns(title, "…", weighted, "…")),)
    part = share(found, status.weights, name) or 0.0
    value, percent = f"{found[name]:.4f}", f"{part:.0%}"
    row: Row = (Segment(_columns(title, value, weighted, percent)),)
    return (*row, *_course(status, name, width, part))


def _total(status: Status, width: int) -> Row:
    found = {} if status.losses is None else status.losses.terms
    value = f"{found['total']:.4f}" if found else "…"
    row: Row = (Segment(_columns("total", value), BOLD),)
    return (*row, *_course(status, "total", width, None)) if found else row


def _course(status: Status, name: str, width: int, part: float | None) -> Row:
    """Return a bar of a term's part of the total, and its trend, as far as there is room."""
    room = width - (LABEL + 1 + 24) - 3
    row: Row = ()
    if width >= SHARES:
        shown = bar(part, 10, ACCENT) if part is not None else (Segment(" " * 10),)
        row, room = (Segment("  "), *shown), room - 12
    if width < NARROW or room < 4:
        return row
    return (*row, Segment("  "), *curve(trend(status.trends.get(name, ()), room)[0]))
