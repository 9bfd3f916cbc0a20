"""Runs as tables: what they came to, the best of it marked, and the settings that differ."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from vsr_viewer.comparison.compared import Compared
from vsr_viewer.figures import NOTHING, count, decimals, duration, signed
from vsr_viewer.page import state_of, values_by_path, verdict_chip, written
from vsr_viewer.text import shown

MOST_SETTINGS: Final = 150

FACTS: Final = (
    "device",
    "card",
    "precision",
    "training",
    "validation",
    "degradation",
    "perceptual",
)
"""Of `about.json`, beside the settings."""

_FIGURES: Final[tuple[tuple[str, str, str, Callable[[float | None], str]], ...]] = (
    ("best", "psnr", "best PSNR", lambda value: decimals(value, 2)),
    ("best", "gain_bicubic_db", "over bicubic", lambda value: signed(value, 2, "")),
    ("best", "temporal_db", "neighbours", lambda value: signed(value, 2, "")),
    ("best", "ssim", "SSIM", lambda value: decimals(value, 4)),
    ("last", "psnr", "last PSNR", lambda value: decimals(value, 2)),
    ("last", "gain_bicubic_db", "over bicubic", lambda value: signed(value, 2, "")),
)


def key(one: Compared) -> str:
    """Return a run's name with the colour of its curves."""
    return (
        f'<span class="run {one.style}"><svg class="key" width="22" height="10" aria-hidden="true">'
        '<line class="line" x1="1" x2="21" y1="5" y2="5"/></svg>'
        f"<span>{shown(one.label, 100)}</span></span>"
    )


def figures(runs: Sequence[Compared], now: float) -> str:
    """Return what runs came to as a table."""
    heads = "".join(f'<th class="n" scope="col">{title}</th>' for _, _, title, _ in _FIGURES)
    best = [_highest([_figure(one, when, name) for one in runs]) for when, name, _, _ in _FIGURES]
    rows = "".join(_row(one, best, now) for one in runs)
    return (
        '<p class="small faint">PSNR in dB; at the best validation, and at the last. '
        "<b>★</b> is the best of these runs.</p>"
        '<div class="scroll"><table class="runs"><thead><tr><th scope="col">run</th>'
        f'<th>verdict</th>{heads}<th class="n">step</th><th class="n">parameters</th>'
        f'<th class="n">time</th></tr></thead><tbody>{rows}</tbody></table></div>'
        f"{_measured_alike(runs)}"
    )


def settings(runs: Sequence[Compared]) -> str:
    """Return what runs were set otherwise as a table."""
    rows = list(_differing(runs))
    if not rows:
        return '<p class="faint">Their settings are the same, as far as they can be read.</p>'
    heads = "".join(f'<th scope="col">{key(one)}</th>' for one in runs)
    more = len(rows) - MOST_SETTINGS
    body = "".join(
        f'<tr><th scope="row">{name}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
        for name, cells in rows[:MOST_SETTINGS]
    )
    rest = f'<p class="small faint">and {more:,} more</p>' if more > 0 else ""
    return (
        '<div class="scroll"><table class="differing"><thead><tr><th scope="col">setting</th>'
        f"{heads}</tr></thead><tbody>{body}</tbody></table></div>{rest}"
    )


def _figure(one: Compared, when: str, name: str) -> float | None:
    return one.best(name) if when == "best" else one.last(name)


def _highest(values: Sequence[float | None]) -> float | None:
    """Return the best of several figures; None where there is nothing to choose from."""
    known = [value for value in values if value is not None and not math.isnan(value)]
    return max(known) if len(known) > 1 else None


def _row(one: Compared, best: Sequence[float | None], now: float) -> str:
    record, cells = one.record, []
    for (when, name, _, written_as), most in zip(_FIGURES, best, strict=True):
        value = _figure(one, when, name)
        is_best = value is not None and value == most
        text = written_as(value)
        cells.append(f'<td class="n">{f"<b>★ {text}</b>" if is_best else text}</td>')
    parameters = record.about.get("parameters")
    size = f"{parameters:,}" if type(parameters) is int else NOTHING
    state = state_of(record, now)
    taken = duration(record.log.seconds) if record.log.last_time is not None else NOTHING
    return (
        f'<tr><th scope="row">{key(one)}</th><td class="s">{verdict_chip(record)}'
        f'<br><span class="small faint">{state.word}</span></td>{"".join(cells)}'
        f'<td class="n">{record.last_step:,}</td><td class="n">{size}</td>'
        f'<td class="n">{taken}</td></tr>'
    )


def _measured_alike(runs: Sequence[Compared]) -> str:
    """Warn where runs were not measured on the same clips."""
    clips = set()
    for one in runs:
        steps = one.record.log.validation.steps
        clips.add(frozenset(one.record.log.sources_at(steps[-1])) if steps else frozenset())
    kinds = len(clips - {frozenset()})
    if kinds < 2:
        return ""
    return (
        f'<p class="small usable">They were measured on {count(kinds, "different set")} of clips: '
        "their figures do not compare.</p>"
    )


def _differing(runs: Sequence[Compared]) -> Iterator[tuple[str, list[str]]]:
    """Yield each fact and each setting that is not the same in all runs, with its values."""
    for name in FACTS:
        facts = [one.record.about.get(name) for one in runs]
        if any(each != facts[0] for each in facts):
            yield name, [NOTHING if each is None else shown(each, 160) for each in facts]
    values = [values_by_path(one.record.settings) for one in runs]
    for path in dict.fromkeys(path for held in values for path in held):
        found: list[Any] = [held.get(path) for held in values]
        if path != "run.name" and any(_differs(each, found[0]) for each in found):
            cells = [f"<code>{written(each)}</code>" for each in found]
            yield f"<code>{shown(path, 80)}</code>", cells


def _differs(one: Any, other: Any) -> bool:
    return type(one) is not type(other) or one != other
