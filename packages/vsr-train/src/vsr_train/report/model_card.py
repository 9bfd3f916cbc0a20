"""The model card of a run's best weights: what they are for, how good, and where not to trust them.

Markdown under YAML, as hubs of models read it. Of this machine's paths only the last part is told.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from vsr_files import last_part
from vsr_settings import Settings, effective_batch
from vsr_settings.degradation import Pipeline, pipeline_of
from vsr_settings.degradation_text import describe_degradation
from vsr_train.report.about import About
from vsr_train.report.markdown import code, code_block, escaped, table

TASK: Final = "video-to-video"

MEASURED: Final = {"psnr": "PSNR", "psnr_y": "PSNR of luma (Y)", "ssim": "SSIM"}
"""Figures of a validation that a hub is told, beside those of bicubic enlargement."""

TERMS: Final = {
    "l1": "mean absolute error",
    "ms": "mean absolute error after 2×2 average pooling",
    "grad": "mean absolute error of finite differences",
    "perceptual": "distance of VGG16's features",
}


@dataclass(frozen=True)
class _Input:
    """What the network's input was in training, and what follows for its use."""

    made_by: str
    film: str
    """Which film it is for."""
    caution: str
    """What not to expect of other film."""


def model_card(
    settings: Settings, about: About, best: Mapping[str, float], weights: Mapping[str, float]
) -> str:
    """Return the card as Markdown.

    Args:
        settings: the run.
        about: what it is.
        best: step and figures of the validation that the weights are from.
        weights: the loss terms' weights by name.
    """
    head = yaml.safe_dump(
        _front_matter(settings, best), sort_keys=False, allow_unicode=True, width=10_000
    )
    seen = _input(settings, about)
    parts = [
        f"---\n{head}---",
        f"# {escaped(settings.run.name)}: video super-resolution ×{settings.model.scale}",
        _what_it_is(settings, about),
        "## What it is for",
        _purpose(settings, seen),
        "## How good it is",
        *_figures(settings, about, best),
        "## How to use it",
        *_use(settings),
        "## How it was trained",
        _training(settings, about, best, weights),
        "## Limits",
        _limits(settings, seen),
        "## Licence",
        _license(settings.run.license),
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(settings: Settings, best: Mapping[str, float]) -> dict[str, Any]:
    scale = settings.model.scale
    figures = [
        {"type": name.partition("_")[0], "value": round(best[key], 4), "name": words}
        for name, title in MEASURED.items()
        for key, words in ((name, title), (f"{name}_bicubic", f"{title}, bicubic for comparison"))
        if key in best
    ]
    result = {
        "task": {"type": TASK, "name": f"Video super-resolution ×{scale}"},
        "dataset": {"type": "validation", "name": f"validation: {last_part(settings.data.val)}"},
        "metrics": figures,
    }
    return {
        "license": settings.run.license,
        "library_name": "vsr-model",
        "pipeline_tag": TASK,
        "tags": ["super-resolution", "video-super-resolution", "upscaling", f"x{scale}", "pytorch"],
        "metrics": ["psnr", "ssim"],
        "model-index": [{"name": settings.run.name, "results": [result]}],
    }


def _what_it_is(settings: Settings, about: About) -> str:
    model = settings.model
    neighbours = (
        "looks in the others for what they saw between its pixels"
        if model.align == "samples"
        else "has the others beside it"
    )
    return (
        f"A network that takes {model.n_frames} consecutive frames of a video, enlarges the middle "
        f"one {model.scale} times in width and height, and {neighbours}. It has "
        f"{about.parameters:,} parameters ({model.n_feats} features, {model.n_blocks} blocks) and "
        "was trained and measured by vsr-train, which wrote this card."
    )


def _purpose(settings: Settings, seen: _Input) -> str:
    model = settings.model
    return _listed({
        "Trained for": f"{seen.film}. {seen.caution}.",
        "Its input in training": f"{seen.made_by}.",
        "Input": f"{model.n_frames} frames of any one size, RGB in [0, 1].",
        "Output": f"the middle frame, {model.scale} times as wide and high, RGB, not clamped.",
    })  # fmt: skip


def _input(settings: Settings, about: About) -> _Input:
    if about.ready_made:
        return _Input(
            "the low-resolution halves of pairs that were made elsewhere",
            "film that looks as the low-resolution halves of its training pairs do",
            "Of other film it knows nothing",
        )
    degradation = settings.data.degradation
    parts = pipeline_of(degradation)
    if parts == Pipeline(resize=parts.resize, take=parts.take, uses=parts.uses):
        sides = {2: "half", 3: "a third", 4: "a quarter"}[settings.model.scale]
        return _Input(
            f"sharp frames reduced to {sides} of their sides by {code(parts.resize)}, nothing else",
            "clean film that is merely small",
            "Blur, noise and traces of compression are not what it has seen; it may make them "
            "clearer",
        )
    return _Input(
        f"sharp frames made small and poor: {escaped(describe_degradation(degradation))}",
        "film with the flaws that its input had in training, about as strong",
        "Of cleaner film it may take fine detail for a flaw, and of other flaws it knows nothing",
    )


def _figures(settings: Settings, about: About, best: Mapping[str, float]) -> Iterator[str]:
    data = settings.data
    yield (
        f"On the validation footage {code(last_part(data.val))} ({_counted(about.validation)}; "
        f"up to {data.val_windows} of each clip are measured, {data.val_most} at most), at step "
        f"{best['step']:.0f}: RGB in [0, 1] without {data.val_border} pixels of the border, "
        "averaged over windows, then over clips. Bicubic and bilinear enlarge the same frames."
    )
    styles = {"psnr": ("PSNR, dB", ".2f"), "psnr_y": ("PSNR of luma (Y), dB", ".2f")}
    styles["ssim"] = ("SSIM", ".4f")
    rows = [
        (title, *(_figure(best, f"{name}{of}", style) for of in ("", "_bicubic", "_bilinear")))
        for name, (title, style) in styles.items()
    ]
    yield table(("", "this network", "bicubic", "bilinear"), rows)
    gain, neighbours = (best.get(name, math.nan) for name in ("gain_bicubic_db", "temporal_db"))
    if math.isfinite(gain) and math.isfinite(neighbours):
        yield (
            f"That is {_signed(gain, 'over', 'below')} bicubic enlargement. With the middle frame "
            f"alone it would be {_signed(neighbours, 'less', 'more')}."
        )
    if gain <= 0:
        yield "**It is no better than bicubic enlargement.**"


def _figure(best: Mapping[str, float], name: str, style: str) -> str:
    return format(best[name], style) if name in best else "–"


def _signed(figure_db: float, above: str, below: str) -> str:
    return f"{abs(figure_db):.2f} dB {above if figure_db >= 0 else below}"


def _counted(footage: str) -> str:
    """Return how many clips and windows there are, without the paths before it."""
    return escaped(footage.rpartition(": ")[2])


def _listed(facts: Mapping[str, str]) -> str:
    return "\n".join(f"- **{name}**: {fact}" for name, fact in facts.items())


def _use(settings: Settings) -> Iterator[str]:
    model = settings.model
    yield (
        "It needs the packages vsr-model and vsr-upscale of the project that trained it. A film, "
        "its sound and all, on the command line:"
    )
    film = f"film.mp4 film-x{model.scale}.mkv"
    yield code_block(f"python -m vsr_upscale {film} --weights best.safetensors", "sh")
    yield "Frames, in Python; the file alone rebuilds the network:"
    yield code_block(
        f"""import torch
from vsr_model import load_weights

network = load_weights("best.safetensors").eval()
lq = torch.rand(1, {model.n_frames}, 3, 120, 160)  # consecutive frames, RGB in [0, 1]
with torch.no_grad():
    sr = network(lq).clamp(0, 1)  # (1, 3, {120 * model.scale}, {160 * model.scale})
""",
        "python",
    )
    yield "As ONNX, for programs without torch:"
    yield code_block("python -m vsr_model export best.safetensors net.onnx", "sh")


def _training(
    settings: Settings, about: About, best: Mapping[str, float], weights: Mapping[str, float]
) -> str:
    train, data = settings.train, settings.data
    sources = ", ".join(code(last_part(source.path)) for source in data.sources("train"))
    terms = " + ".join(f"{weight:g} × {TERMS[name]}" for name, weight in weights.items() if weight)
    side, large = data.patch, data.patch * settings.model.scale
    facts = {
        "Footage": f"{sources} ({_counted(about.training)}).",
        "Steps": f"{best['step']:.0f}, the best in validation; {train.max_steps} were planned.",
        "Samples": f"{effective_batch(settings)} a step, crops of {side}×{side} pixels that become "
        f"{large}×{large}.",
        "Optimiser": f"AdamW, weight decay {train.weight_decay:g}; learning rate {train.max_lr:g} "
        f"after {train.warmup_steps} steps, then by a cosine to {train.min_lr:g}; the weights are "
        f"averaged, {train.ema_decay:g} of the average kept a step.",
        "Loss": f"{terms}.",
        "Perceptual loss": about.perceptual and f"{escaped(about.perceptual)}.",
        "Computed on": f"{escaped(about.device)}, in {about.precision}; seed {train.seed}.",
        "Versions": escaped(" · ".join(f"{n} {each}" for n, each in about.versions.items())) + ".",
    }
    return _listed({name: fact for name, fact in facts.items() if fact})


def _limits(settings: Settings, seen: _Input) -> str:
    sources = settings.data.sources("train")
    lines = {
        f"It is for {seen.film}. {seen.caution}.": True,
        f"It enlarges {settings.model.scale} times and by nothing else.": True,
        "The figures are of the footage above; other footage has others.": True,
        "It adds what is likely, not what was there: nothing in its output is evidence of a face, "
        "a number plate or a word.": True,
        "The perceptual loss favours texture that looks right over texture that is right.": bool(
            settings.loss.perceptual_weight
        ),
        "It was trained on a few photographs, to show how training goes: for anything but trying "
        "out, train on film.": all(source.path == "demo" for source in sources),
    }
    return "\n".join(f"- {line}" for line, holds in lines.items() if holds)


def _license(chosen: str) -> str:
    if chosen == "unknown":
        return (
            "Not chosen yet: ask whoever published these weights before you use them. Whoever "
            "publishes them sets `run.license` before training, or writes it here and at the top."
        )
    if chosen == "other":
        return "See the file `LICENSE` beside the weights."
    return f"{code(chosen)}, for the weights."
