"""The samples that runs share: one run's output over another's, of the very same picture."""

from collections.abc import Sequence
from typing import Final

from vsr_viewer.comparison.compared import Compared
from vsr_viewer.figures import count
from vsr_viewer.page import Layer, Sample, sample_html
from vsr_viewer.pictures import ShownStrip, Sources

MOST_CLIPS: Final = 16


def samples(runs: Sequence[Compared], sources: Sources) -> tuple[str, list[str]]:
    """Return the samples that at least two runs have as HTML, and what is wrong with others."""
    strips, wrong = _strips(runs)
    parts, left_out = [], 0
    for sample in _shared(runs, strips):
        text = "" if left_out else sample_html(sample, sources)
        left_out += not text
        parts.append(text)
    if not parts:
        return '<p class="faint">These runs share no picture.</p>', wrong
    more = (
        f'<p class="small faint">{count(left_out, "sample")} more would make this page too large.'
        "</p>"
        if left_out
        else ""
    )
    return (
        '<p class="faint small">Each run at its best validation that has pictures. PSNR is that of '
        'what is shown. <span class="scripted">Drag across a picture, or use the arrow keys.</span>'
        "</p>"
        f'<div class="samples">{"".join(parts)}</div>{more}'
    ), wrong


def _strips(runs: Sequence[Compared]) -> tuple[list[dict[str, ShownStrip]], list[str]]:
    """Return each run's strips by clip, of its best validation, or of the latest with pictures."""
    found: list[dict[str, ShownStrip]] = []
    wrong: list[str] = []
    for one in runs:
        pictures, best = one.record.pictures, one.record.best_step
        step = best if best in pictures else max(pictures, default=None)
        names = [] if step is None else list(pictures[step])[:MOST_CLIPS]
        strips, bad = one.shelf.strips(names)
        found.append({strip.clip: strip for strip in strips})
        wrong += [f"{one.label}: {each}" for each in bad]
    return found, wrong


def _shared(runs: Sequence[Compared], strips: Sequence[dict[str, ShownStrip]]) -> list[Sample]:
    names = dict.fromkeys(clip for held in strips for clip in held)
    found = []
    for clip in names:
        have = [
            (one, held[clip])
            for one, held in zip(runs, strips, strict=True)
            if clip in held and "output" in held[clip].panels
        ]
        alike = _alike(have)
        if len(alike) > 1:
            found.append(_sample(clip, alike))
    return found


def _alike(have: Sequence[tuple[Compared, ShownStrip]]) -> list[tuple[Compared, ShownStrip]]:
    """Return those that show what most of them show."""
    groups: dict[object, list[tuple[Compared, ShownStrip]]] = {}
    for one, strip in have:
        truth = strip.panels.get("ground truth")
        output = strip.panels["output"]
        if truth is not None and (truth.width, truth.height) == (output.width, output.height):
            groups.setdefault(truth.digest, []).append((one, strip))
    return max(groups.values(), key=len, default=[])


def _sample(clip: str, have: Sequence[tuple[Compared, ShownStrip]]) -> Sample:
    layers = [
        Layer(
            one.label, strip.panels["output"], strip.details.get("output"),
            strip.psnr.get("output"), "both",
        )
        for one, strip in have
    ]  # fmt: skip
    _, first = have[0]
    for name in ("bicubic", "ground truth"):
        panel = first.panels.get(name)
        output = first.panels["output"]
        if panel is not None and (panel.width, panel.height) == (output.width, output.height):
            psnr = first.psnr.get(name)
            layers.append(Layer(name, panel, first.details.get(name), psnr, "both"))
    return Sample(clip, tuple(layers), 0, 1)
