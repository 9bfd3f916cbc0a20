"""Figures as lines and tables of text, of 80 columns where they can be."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.table import Table
from rich.text import Text

from vsr_train.validation import Scores, Validation
from vsr_train.watch import Judgement

MOST_CLIPS = 12
"""Clips that a table has a row for each; of more, the worst and the best half as many each."""


def training_line(
    loss: Mapping[str, float], weights: Mapping[str, float], *, lr: float, samples_per_s: float
) -> str:
    """Return the terms before weighting, with their weights and shares of the total, and the pace.

    Args:
        loss: the terms and their total, by name.
        weights: of the terms.
        lr: the learning rate.
        samples_per_s: the pace.
    """
    shown = []
    for name, value in loss.items():
        if name == "plain" and value == 0:  # there is one output alone
            continue
        part = share(loss, weights, name)
        times = "" if name == "plain" else f"×{weights.get(name, 0):g}, "  # it is weighted itself
        shown.append(f"{name} {value:.4f}" + ("" if part is None else f" ({times}{part:.0%})"))
    return f"{' · '.join(shown)} · lr {lr:.1e} · {samples_per_s:.1f} samples/s"


def share(loss: Mapping[str, float], weights: Mapping[str, float], name: str) -> float | None:
    """Return a term's part of the total; None for the total and for terms of weight 0."""
    weight = 1.0 if name == "plain" else weights.get(name, 0.0)
    if not weight:
        return None
    return weight * loss[name] / loss["total"] if loss["total"] else 0.0


def validation_line(step: int, validation: Validation) -> str:
    """Return what a validation found, in one line."""
    mean, flat = validation.mean, validation.flat
    left_out = f" · {flat} flat window{'s' * (flat > 1)} left out" if flat else ""
    gains = f"{mean['gain_bicubic_db']:+.2f} over bicubic, {mean['gain_db']:+.2f} over bilinear"
    return (
        f"step {step} · PSNR {mean['psnr']:.2f} dB, {gains} · Y {mean['psnr_y']:.2f} dB"
        f" · SSIM {mean['ssim']:.4f} · sharpness {mean['sharpness']:.0%}"
        f" (bicubic {mean['sharpness_bicubic']:.0%}) · neighbours {mean['temporal_db']:+.3f} dB"
        f"{left_out}"
    )


def ending(
    step: int, last_step: int, best: Scores, judgement: Judgement | None, weights: Path
) -> Iterator[str]:
    """Yield how a run has ended: what it came to, at what it was best, and where that is.

    Args:
        step: steps made.
        last_step: those that were to be made.
        best: step and figures of the best validation; empty where there was none.
        judgement: whether it has learned, where it has ended.
        weights: the file of the best weights.
    """
    yield (
        f"finished at step {step}"
        if step >= last_step
        else f"stopped at step {step} of {last_step}; go on with --resume auto"
    )
    if judgement is not None:
        yield f"{judgement.verdict}: {judgement.evidence}"
    if not best:
        yield "not validated yet"
        return
    which = "" if best["step"] == step else f"best at step {best['step']:.0f}: "
    yield (
        f"{which}PSNR {best['psnr']:.2f} dB, {best['gain_bicubic_db']:+.2f} over bicubic, "
        f"{best['gain_db']:+.2f} over bilinear"
    )
    yield f"weights     {weights}"


def sources_table(sources: Mapping[str, Scores]) -> Table:
    """Return the figures of validation clips; 80 columns hold them and names of 8.

    Of many clips, the worst and the best by what is gained over bicubic.
    """
    table = Table(title="validation, dB", padding=0)
    table.add_column("clip", overflow="fold")
    columns = {
        "bilinear": ("psnr_bilinear", ".2f"),
        "bicubic": ("psnr_bicubic", ".2f"),
        "output": ("psnr", ".2f"),
        "over bicubic": ("gain_bicubic_db", "+.2f"),
        "neighbours": ("temporal_db", "+.2f"),
        "sharpness": ("sharpness", ".0%"),
        "SSIM": ("ssim", ".4f"),
        "SSIM bicubic": ("ssim_bicubic", ".4f"),
    }
    for title in columns:
        table.add_column(title, justify="right", no_wrap=" " not in title)

    def add(names: list[str]) -> None:
        for name in names:
            figures = (format(sources[name][key], style) for key, style in columns.values())
            table.add_row(Text(name), *figures)

    names = list(sources)
    if len(names) <= MOST_CLIPS:
        add(names)
        return table
    names.sort(key=lambda name: sources[name]["gain_bicubic_db"])
    half = MOST_CLIPS // 2
    table.title = f"validation, dB: the {half} worst and the {half} best of {len(names)} clips"
    add(names[:half])
    table.add_section()
    add(names[-half:])
    return table
