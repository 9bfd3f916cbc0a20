"""The top of a run's page: what it is, whether it learns, how far it is, what it came to."""

import math
from collections.abc import Sequence
from typing import Final

from vsr_viewer.charts import progress
from vsr_viewer.figures import NOTHING, decimals, duration, signed
from vsr_viewer.page.state import State
from vsr_viewer.record import Record
from vsr_viewer.text import shown

VERDICTS: Final = {
    "warming up": "",
    "learning": "good",
    "converged": "good",
    "stagnating": "refused",
    "diverging": "refused",
}
"""Class of each verdict's chip."""

MOST_MISSING: Final = 12


def head(record: Record, state: State) -> str:
    """Return the top of the page as HTML, without links."""
    return (
        f"<h1>{shown(record.name)}</h1>{_what(record)}"
        f'<p class="chips">{verdict_chip(record)}{state_chip(state)}</p>'
        f"{_how_far(record)}{_tiles(record, state)}"
    )


def verdict_chip(record: Record) -> str:
    """Return the watch's last word as a chip."""
    verdict = record.verdict
    if verdict is None:
        return '<span class="chip">not judged yet</span>'
    style = VERDICTS.get(verdict.verdict, "")
    word = shown(verdict.verdict, 40)
    return f'<span class="chip {style}" title="{shown(verdict.why)}">{word}</span>'


def state_chip(state: State) -> str:
    """Return whether the run goes on as a chip, and what follows from it."""
    return (
        f' <span class="chip {state.style}">{state.word}</span> '
        f'<span class="faint small">{shown(state.told)}</span>'
    )


def missing(first: Sequence[str], then: Sequence[str]) -> str:
    """Return what could not be read, as HTML; empty where everything could."""
    told = [*first, *then]
    if not told:
        return ""
    more = len(told) - MOST_MISSING
    items = "".join(f"<li>{shown(each)}</li>" for each in told[:MOST_MISSING])
    rest = f"<li>and {more:,} more</li>" if more > 0 else ""
    lead = '<p class="faint">This page lacks what could not be read:</p>'
    return f'{lead}<ul class="small">{items}{rest}</ul>'


def _what(record: Record) -> str:
    about = record.about
    parts = [about.get("network"), about.get("window"), about.get("device"), about.get("training")]
    if type(count := about.get("parameters")) is int:
        parts.insert(1, f"{count:,} parameters")
    text = " · ".join(shown(part) for part in parts if part)
    return f'<p class="faint">{text}</p>' if text else ""


def _how_far(record: Record) -> str:
    step, most = record.log.last_step, record.max_steps
    if most is None:
        return f'<p class="small">step {step:,}</p>' if step else ""
    told = f"step {step:,} of {most:,}"
    part = f'<p class="small far"><span>{told}</span><span>{min(step / most, 1):.0%}</span></p>'
    return progress(step / most, told) + part


def _tiles(record: Record, state: State) -> str:
    rows = record.log.validation
    place = record.best_place

    def figure(name: str) -> float | None:
        return None if place is None else rows[name][place]

    at = "not validated yet" if place is None else f"best PSNR, step {rows.steps[place]:,}"
    ssim, bicubic = figure("ssim"), figure("ssim_bicubic")
    taken = duration(record.log.seconds) if record.log.last_time is not None else NOTHING
    tiles = [
        (decimals(figure("psnr"), 2, "dB"), at, ""),
        (signed(figure("gain_bicubic_db"), 2), "over bicubic", _sign(figure("gain_bicubic_db"))),
        (signed(figure("temporal_db"), 2), "added by neighbours", ""),
        (decimals(ssim, 4), f"SSIM (bicubic {decimals(bicubic, 4)})", ""),
        (taken, "taken", ""),
    ]
    if state.left is not None:
        tiles.append((duration(state.left), "left, at this pace", ""))
    cells = "".join(
        f'<div class="tile"><b class="{style}">{big}</b><span>{small}</span></div>'
        for big, small, style in tiles
    )
    return f'<div class="tiles">{cells}</div>'


def _sign(value: float | None) -> str:
    if value is None or math.isnan(value):
        return ""
    return "good" if value > 0 else "refused"
