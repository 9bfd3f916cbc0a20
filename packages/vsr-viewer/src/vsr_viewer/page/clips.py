"""A validation clip by clip: the worst and the best, and all of them for whoever opens the list."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from vsr_viewer.figures import decimals, percent, signed
from vsr_viewer.record import Record
from vsr_viewer.record.columns import number
from vsr_viewer.text import shown

FEW: Final = 12
"""Clips that are shown at once; of more, the worst and the best half as many each."""

MOST: Final = 500
"""Clips of the whole list."""

_HEADS: Final = (
    ("bicubic", "n wide"), ("output", "n"), ("over bicubic", "n"), ("neighbours", "n"),
    ("sharpness", "n wide"), ("SSIM", "n wide"), ("SSIM bicubic", "n wide"),
)  # fmt: skip


def clips(record: Record) -> str:
    """Return the latest validation by clip as HTML; empty where there is none."""
    steps = record.log.validation.steps
    if not steps:
        return ""
    sources = record.log.sources_at(steps[-1])
    if not sources:
        return '<p class="faint">The latest row does not say what single clips came to.</p>'
    rows = sorted(sources.items(), key=_gain)
    flat = record.log.validation["flat"][-1]
    told = f"Step {steps[-1]:,}, by what is gained over bicubic; figures in dB"
    if flat > 0:
        told += f"; {flat:.0f} flat windows left out"
    lead = f'<p class="faint small">{told}.</p>'
    if len(rows) <= FEW:
        return lead + _table(rows)
    half = FEW // 2
    return (
        f"{lead}<h3>The {half} worst</h3>{_table(rows[:half])}"
        f"<h3>The {half} best of {len(rows):,}</h3>{_table(rows[-half:])}{_all(rows)}"
    )


def _all(rows: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    listed = rows[:MOST]
    more = f", the worst {MOST} of {len(rows):,}" if len(rows) > MOST else f", {len(rows):,}"
    return (
        f'<details id="all-clips"><summary>All clips{more}</summary>'
        f'<div class="scroll">{_table(listed)}</div></details>'
    )


def _gain(row: tuple[str, Mapping[str, Any]]) -> float:
    gain = number(row[1].get("gain_bicubic_db"))
    return math.inf if math.isnan(gain) else gain


def _table(rows: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    heads = "".join(f'<th class="{style}" scope="col">{name}</th>' for name, style in _HEADS)
    body = "".join(_row(name, figures) for name, figures in rows)
    head = f'<thead><tr><th scope="col">clip</th>{heads}</tr></thead>'
    return f"<table>{head}<tbody>{body}</tbody></table>"


def _row(name: str, figures: Mapping[str, Any]) -> str:
    def of(figure: str) -> float:
        return number(figures.get(figure))

    gain = of("gain_bicubic_db")
    cells = (
        decimals(of("psnr_bicubic"), 2), decimals(of("psnr"), 2), signed(gain, 2, ""),
        signed(of("temporal_db"), 2, ""), percent(of("sharpness")), decimals(of("ssim"), 4),
        decimals(of("ssim_bicubic"), 4),
    )  # fmt: skip
    sign = "refused" if gain < 0 else ""
    told = "".join(
        f'<td class="{style}{" " + sign if head == "over bicubic" else ""}">{cell}</td>'
        for (head, style), cell in zip(_HEADS, cells, strict=True)
    )
    return f'<tr><th scope="row">{shown(name, 120)}</th>{told}</tr>'
