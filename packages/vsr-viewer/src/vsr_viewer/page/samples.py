"""Before and after: pictures of one clip over one another, with a slider between any two of them.

Without a script they stand side by side.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from vsr_viewer.figures import count, decimals
from vsr_viewer.pictures import Encoded, Shelf, ShownStrip, Sources
from vsr_viewer.record import FOLDER, Record
from vsr_viewer.text import shown

MOST_BUTTONS: Final = 4
"""Layers of a side that have a button each; more are a list to choose from."""

MOST_SAMPLES: Final = 16


@dataclass(frozen=True)
class Layer:
    """One of the pictures of a sample."""

    label: str
    picture: Encoded
    detail: Encoded | None
    psnr: float | None
    sides: str
    """Where it can be: `left`, `right` or `both`."""


@dataclass(frozen=True)
class Sample:
    """One clip's pictures."""

    clip: str
    layers: tuple[Layer, ...]
    left: int
    """The layer that is on the left at first."""
    right: int


@dataclass(frozen=True)
class Chosen:
    """The samples of a run, and what is wrong with pictures that are not among them."""

    samples: list[Sample]
    wholes: list[ShownStrip]
    """Strips that do not say where their panels are."""
    wrong: list[str]
    step: int | None
    """Of the validation that they are of."""


def samples_of(record: Record, shelf: Shelf) -> Chosen:
    """Choose the pictures of the latest validation that has any, and of the best."""
    if not record.pictures:
        return Chosen([], [], [], None)
    latest = max(record.pictures)
    best = record.best_step
    names = list(record.pictures[latest])[:MOST_SAMPLES]
    is_apart = best is not None and best != latest and best in record.pictures
    more = list(record.pictures[best])[:MOST_SAMPLES] if best is not None and is_apart else []
    found, wrong = shelf.strips(names + more)
    order = {clip: place for place, clip in enumerate(record.log.sources_at(latest))}
    now = sorted(
        (one for one in found if one.step == latest),
        key=lambda one: order.get(one.clip, len(order)),
    )
    earlier = {one.clip: one for one in found if one.step != latest}
    samples = [_sample(one, earlier.get(one.clip)) for one in now if _is_complete(one)]
    wrong += [
        f"{FOLDER}: the picture of {one.clip!r} has no bicubic and output of one size"
        for one in now
        if one.panels and not _is_complete(one)
    ]
    return Chosen(samples, [one for one in now if one.whole is not None], wrong, latest)


def samples_html(chosen: Chosen, sources: Sources) -> str:
    """Return the samples as HTML; those at the end that have no room are left out, in words."""
    parts: list[str] = []
    left_out = 0
    for part in _placed(chosen, sources):
        if part:
            parts.append(part)
        else:
            left_out += 1
    if chosen.step is None:
        return '<p class="faint">There are no pictures yet: the first validation makes them.</p>'
    if not parts and not left_out:
        told = f"No picture of the validation of step {chosen.step:,} can be shown: see the end."
        return f'<p class="faint">{told}</p>'
    how = (
        ' PSNR is that of what is shown. <span class="scripted">Drag across a picture, or use the '
        "arrow keys.</span>"
        if chosen.samples
        else ""
    )
    told = (
        f'<p class="small faint">{count(left_out, "sample")} more would make this page too large; '
        "they are in the run's folder, under <code>pictures</code>.</p>"
    )
    return (
        f'<p class="faint small">Validation of step {chosen.step:,}.{how}</p>'
        f'<div class="samples">{"".join(parts)}</div>{told if left_out else ""}'
    )


def sample_html(sample: Sample, sources: Sources) -> str:
    """Return one sample as HTML, without details where those have no room; empty where none is."""
    layers = sample.layers
    for tried in (layers, tuple(replace(layer, detail=None) for layer in layers)):
        pictures = [one for layer in tried for one in (layer.picture, layer.detail) if one]
        addresses = sources.take(pictures)
        if addresses is not None:
            return _article(replace(sample, layers=tried), iter(addresses))
    return ""


def _placed(chosen: Chosen, sources: Sources) -> Iterator[str]:
    """Yield samples as HTML until one has no room, and then nothing for each of the rest."""
    is_full = False
    for sample in chosen.samples:
        text = "" if is_full else sample_html(sample, sources)
        is_full = not text
        yield text
    for strip in chosen.wholes:
        address = None if is_full or strip.whole is None else sources.take([strip.whole])
        is_full = address is None
        yield (
            "" if address is None or strip.whole is None else _whole(strip, strip.whole, address[0])
        )


def _is_complete(strip: ShownStrip) -> bool:
    sizes = {(one.width, one.height) for one in strip.panels.values()}
    return {"bicubic", "output"} <= strip.panels.keys() and len(sizes) == 1


def _sample(strip: ShownStrip, best: ShownStrip | None) -> Sample:
    def layer(of: ShownStrip, name: str, label: str, sides: str) -> Layer:
        return Layer(label, of.panels[name], of.details.get(name), of.psnr.get(name), sides)

    layers = [
        layer(strip, "bicubic", "bicubic", "left"),
        layer(strip, "output", f"output, step {strip.step:,}" if best else "output", "both"),
    ]
    size = (layers[0].picture.width, layers[0].picture.height)
    output = best.panels.get("output") if best else None
    if best is not None and output is not None and (output.width, output.height) == size:
        layers.append(layer(best, "output", f"best, step {best.step:,}", "right"))
    if "ground truth" in strip.panels:
        layers.append(layer(strip, "ground truth", "ground truth", "right"))
    return Sample(strip.clip, tuple(layers), 0, 1)


def _article(sample: Sample, addresses: Iterator[str]) -> str:
    figures = "".join(
        _figure(sample, place, layer, addresses) for place, layer in enumerate(sample.layers)
    )
    has_details = all(layer.detail for layer in sample.layers)
    detail = '<button type="button" class="look scripted" aria-pressed="false">detail ×4</button>'
    return (
        f'<article class="sample" data-sample="{shown(sample.clip)}" data-left="{sample.left}" '
        f'data-right="{sample.right}"><header><h3>{shown(sample.clip)}</h3>'
        f"{detail if has_details else ''}</header>"
        f'<div class="stack">{figures}'
        f'<input class="slide scripted" type="range" min="0" max="100" step="0.5" value="50" '
        f'aria-label="{shown(sample.clip)}: where the left picture ends and the right one begins">'
        '<span class="handle scripted" aria-hidden="true"></span></div>'
        f'<div class="controls scripted">{_choice(sample, "left")}{_choice(sample, "right")}</div>'
        "</article>"
    )


def _figure(sample: Sample, place: int, layer: Layer, addresses: Iterator[str]) -> str:
    what = shown(f"{sample.clip}, {layer.label}")
    picture, detail = layer.picture, layer.detail
    size = f'width="{picture.width}" height="{picture.height}"'
    images = f'<img class="whole" src="{next(addresses)}" {size} alt="{what}" draggable="false">'
    if detail is not None:
        images += (
            f'<img class="detail" src="{next(addresses)}" {size} alt="{what}, a detail" '
            'draggable="false">'
        )
    is_known = layer.psnr is not None and not math.isnan(layer.psnr)
    score = f" <b>{decimals(layer.psnr, 2, 'dB')}</b>" if is_known else ""
    return (
        f'<figure class="layer" data-layer="{place}">{images}'
        f"<figcaption>{shown(layer.label, 60)}{score}</figcaption></figure>"
    )


def _choice(sample: Sample, side: str) -> str:
    """Return what chooses the picture of a side: buttons, or a list where there are many."""
    layers = [
        (place, shown(layer.label, 60))
        for place, layer in enumerate(sample.layers)
        if layer.sides in (side, "both")
    ]
    if len(layers) < 2:
        return "<div></div>"
    at_first = sample.left if side == "left" else sample.right
    if len(layers) > MOST_BUTTONS:
        options = "".join(
            f'<option value="{place}"{" selected" * (place == at_first)}>{label}</option>'
            for place, label in layers
        )
        return f'<select data-side="{side}" aria-label="{side} picture">{options}</select>'
    buttons = "".join(
        f'<button type="button" data-side="{side}" data-layer="{place}" '
        f'aria-pressed="{str(place == at_first).lower()}">{label}</button>'
        for place, label in layers
    )
    return f'<div class="choices" role="group" aria-label="{side} picture">{buttons}</div>'


def _whole(strip: ShownStrip, picture: Encoded, address: str) -> str:
    return (
        f'<article class="sample plain"><h3>{shown(strip.clip)}</h3><figure><img class="whole" '
        f'src="{address}" width="{picture.width}" height="{picture.height}" '
        f'alt="{shown(strip.clip)}"><figcaption>bicubic, output and ground truth, as a version '
        "before wrote them</figcaption></figure></article>"
    )
