"""A run's page: on its own with all its pictures in it, or from a server that hands them out."""

from dataclasses import replace
from typing import Final

from vsr_viewer.figures import count, moment
from vsr_viewer.page.clips import clips
from vsr_viewer.page.curves import curves
from vsr_viewer.page.document import LIMIT, Section, document, links
from vsr_viewer.page.facts import about, settings
from vsr_viewer.page.head import head, missing
from vsr_viewer.page.memory import memory
from vsr_viewer.page.samples import Chosen, samples_html, samples_of
from vsr_viewer.page.state import State, state_of
from vsr_viewer.page.watch import watch
from vsr_viewer.page.weights import weights
from vsr_viewer.pictures import Embedded, Encoded, Linked, Shelf, Sources
from vsr_viewer.record import ANIMATION, FOLDER, Record, without_places

MARKUP: Final = 120_000
"""Bytes that are kept for what stands around pictures: names, labels, buttons."""

MOST_OF_ROOM: Final = 0.5
"""Part of the room for pictures that the animation may take."""


def page_on_its_own(record: Record, shelf: Shelf, now: float, *, has_ended: bool = False) -> str:
    """Return a run's page, at most `LIMIT` bytes, which may be sent to anybody.

    Args:
        record: the run.
        shelf: its pictures.
        now: Unix seconds.
        has_ended: whether the run itself says that it has.
    """
    record = without_places(record)
    chosen = samples_of(record, shelf)
    state = _as_of(now, state_of(record, now, has_ended=has_ended))
    rest = _without_pictures(record, chosen)
    bare = _page(record, state, "", "", rest, when=moment(now))
    room = LIMIT - MARKUP - len(bare.encode())
    animation = shelf.animation() if record.has_animation else None
    reserved = Embedded(int(room * MOST_OF_ROOM))
    over = _over_the_run(animation, reserved, is_there=record.has_animation)
    samples = samples_html(chosen, Embedded(room - len(over)))
    return _page(record, state, samples, over, rest, when=moment(now))


def page_from_server(record: Record, shelf: Shelf, now: float, sources: Linked, crumb: str) -> str:
    """Return a run's page whose pictures `sources` names.

    Args:
        record: the run.
        shelf: its pictures.
        now: Unix seconds.
        sources: gives pictures their addresses.
        crumb: what leads back, as HTML.
    """
    chosen = samples_of(record, shelf)
    samples = samples_html(chosen, sources)
    animation = shelf.animation() if record.has_animation else None
    over = _over_the_run(animation, sources, is_there=record.has_animation)
    rest = _without_pictures(record, chosen)
    return _page(record, state_of(record, now), samples, over, rest, crumb=crumb)


def _as_of(now: float, state: State) -> State:
    """Say when it was that a run was going on: the page stays as it is, and the run does not."""
    if state.word != "running":
        return state
    parts = (state.told, f"as of {moment(now)}")
    return replace(state, told=", ".join(part for part in parts if part))


def _without_pictures(record: Record, chosen: Chosen) -> list[Section]:
    return [
        Section("curves", "Curves", curves(record)),
        Section("clips", "Clip by clip", clips(record)),
        Section("memory", "Memory", memory(record)),
        Section("watch", "The watch", watch(record)),
        Section("about", "What was trained on what", about(record)),
        Section("settings", "Settings", settings(record)),
        Section("weights", "Use the weights", weights(record)),
        Section("missing", "Not shown", missing(record.missing, chosen.wrong), is_listed=False),
    ]


def _page(
    record: Record,
    state: State,
    samples: str,
    over: str,
    rest: list[Section],
    *,
    when: str = "",
    crumb: str = "",
) -> str:
    """Put the page together; one that is of a moment stands on its own."""
    sections = [
        Section("samples", "Before and after", samples),
        Section("over-the-run", "Over the run", over),
        *rest,
    ]
    top = Section("top", "", head(record, state) + links(sections))
    return document(record.name, [top, *sections], when=when, crumb=crumb)


def _over_the_run(animation: Encoded | None, sources: Sources, *, is_there: bool) -> str:
    if not is_there:
        return ""
    where = f"<code>{FOLDER}/{ANIMATION}</code>"
    if animation is None:
        return f'<p class="faint">{where} is no sound picture.</p>'
    addresses = sources.take([animation])
    if addresses is None:
        size = count(len(animation.content) // 1000, "kB", "kB")
        return f'<p class="faint">{where} has {size}, too many for this page.</p>'
    return (
        '<details id="animation" open><summary>One detail, from bicubic by every validation to the '
        f'ground truth</summary><figure><img class="over" src="{addresses[0]}" '
        f'width="{animation.width}" height="{animation.height}" '
        'alt="A detail as the network drew it at one validation after the other"></figure>'
        "</details>"
    )
