"""What frames the figures of a run: its name, how far it is, its pace, and what keys do."""

import math
from typing import Final

from rich.segment import Segment

from vsr_train.report.live.rows import (
    ACCENT,
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
    ends,
    joined,
    label,
    span,
)
from vsr_train.report.live.status import Status
from vsr_train.report.remaining import as_clock
from vsr_train.signals import Action

DOING: Final = {"training": GOOD, "paused": CAUTION}
"""What a run does, by the style it has; the rest is passing."""

KEYS: Final = (
    ("v", "validate"),
    ("s", "save"),
    ("p", "pause"),
    ("q", "save and stop"),
    ("?", "help"),
)

HELP: Final = (
    ("v", "validate now, after this step; the run goes on"),
    ("s", "save a checkpoint now, after this step; the run goes on"),
    ("p", "pause after this step, or go on; v, s and q work meanwhile"),
    ("q", "save and stop after this step; --resume auto goes on"),
    ("?", "show or hide this"),
    ("Ctrl-C", "as q; twice: stop at once, what was saved before is whole"),
    ("Ctrl-Z", "suspend; the shell's fg goes on"),
)


def head(status: Status, width: int) -> Row:
    """Return the name of the run, what it runs on, and what it does, in a rule."""
    doing = status.doing
    if status.doing_s >= 1:
        doing += f" {as_clock(status.doing_s)}"
    style = DOING.get(status.doing, ACCENT)
    right = (Segment(" "), span(doing, style + BOLD), Segment(" ─", DIM))
    facts = f"{status.network} · {status.device} · {status.precision}"
    left = (Segment("─ ", DIM), span(status.name, BOLD), span(f" · {facts} ", DIM))
    return ends(left, right, width, Segment("─", DIM))


def progress(status: Status, width: int) -> Row:
    """Return how far the run is, and the time that is left."""
    done = status.step / max(1, status.last_step)
    count = f"{status.step}/{status.last_step}"
    percent = f"{math.floor(100 * done)} %"
    left = "…" if status.left_s is None else as_clock(status.left_s)
    texts = ((span(percent, BOLD),), (span(f"{left} left", BOLD),))
    front = (*label("step"), Segment(count))
    if width < NARROW:
        return joined((front, *texts), width)
    end = f"  {percent:>5}   {left + ' left':>12} "
    room = width - LABEL - 1 - len(count) - 2 - len(end)
    return (*front, Segment("  "), *bar(done, max(0, room), ACCENT), Segment(end, BOLD))


def pace(status: Status, width: int) -> Row:
    """Return the pace, and when the run was saved."""
    parts: list[Row] = [(Segment("…"),)]
    if (found := status.losses) is not None:
        per_s = found.steps_per_s
        steps = f"{per_s:.3g} steps/s" if per_s >= 1 else f"{1 / max(per_s, 1e-9):.3g} s a step"
        parts = [(span(steps),), (span(f"{found.samples_per_s:.1f} samples/s"),)]
    saved = "not saved yet" if status.saved_step is None else f"saved step {status.saved_step}"
    if status.saved_step is not None and status.saved_s is not None:
        saved += f", {as_clock(status.saved_s)} ago"
    right = (span(saved, CAUTION if status.saved_step is None else None), Segment(" "))
    if width < NARROW:
        return (*label("pace"), *joined([*parts, right[:1]], max(0, width - LABEL - 1)))
    left = (*label("pace"), *joined(parts, max(0, width - LABEL - 1)))
    return ends(left, right, width)


def keys(status: Status, width: int) -> Row:
    """Return what keys do, and what was asked for and is not begun yet."""
    asked = _asked(status)
    right = (Segment("▸ ", CAUTION), span(f"{asked} ", CAUTION)) if asked else ()
    if not status.has_keys:
        return ends((Segment(" Ctrl-C saves and stops", DIM),), right, width)
    words = dict(KEYS) | ({"p": "go on"} if status.doing == "paused" else {})
    parts = [(Segment(key, BOLD), Segment(f" {word}", DIM)) for key, word in words.items()]
    room = width - 2 - sum(len(segment.text) for segment in right)
    return ends((Segment(" "), *joined(parts, room, "   ")), right, width)


def help_text(width: int) -> Block:
    """Return what keys do, a row each."""
    block: Block = [(9, ())]
    for key, meaning in HELP:
        block.append((4, cropped((Segment(f" {key:<{LABEL}}", BOLD), Segment(meaning)), width)))
    return block


def _asked(status: Status) -> str:
    """Return what happens next because it was asked for."""
    when = "" if status.doing == "paused" else " after this step"
    if Action.STOP in status.asked:
        return f"stopping{when}"
    verbs = [
        verb
        for action, verb in (
            (Action.VALIDATE, "validating"),
            (Action.SAVE, "saving"),
            (Action.PAUSE, "pausing"),
        )
        if action in status.asked
    ]
    if status.goes_on:
        verbs.append("going on")
    return f"{' and '.join(verbs)}{when}" if verbs else ""
