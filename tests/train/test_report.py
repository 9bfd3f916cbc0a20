"""What is told fits a terminal, and nothing of it is cut."""

import io

from rich.console import Console

from vsr_losses import LossTerms
from vsr_train.report.lines import MOST_CLIPS, sources_table, training_line

COLUMNS = 80
SCORES = {
    "psnr_bilinear": 24.51, "psnr_bicubic": 25.52, "psnr": 28.12, "gain_bicubic_db": 2.61,
    "temporal_db": 1.23, "sharpness": 0.4, "ssim": 0.8765, "ssim_bicubic": 0.8123,
}  # fmt: skip
ALL_TERMS = {"l1": 1.0, "ms": 0.2, "grad": 0.1, "perceptual": 0.02}


def shown(what, columns=COLUMNS):
    file = io.StringIO()
    Console(file=file, width=columns, markup=False, highlight=False).print(what)
    return file.getvalue()


def test_every_figure_of_every_clip_is_whole_in_80_columns():
    text = shown(sources_table({"calendar": SCORES, "a-name-longer-than-that": SCORES}))
    assert max(map(len, text.splitlines())) <= COLUMNS
    assert "…" not in text
    rows = [line.strip("│").split("│") for line in text.splitlines() if line.startswith("│")]
    cells = [[cell.strip() for cell in row] for row in rows]
    figures = ["24.51", "25.52", "28.12", "+2.61", "+1.23", "40%", "0.8765", "0.8123"]
    assert cells[0] == ["calendar", *figures]
    assert "".join(row[0] for row in cells[1:]) == "a-name-longer-than-that"
    for title in ("bilinear", "bicubic", "output", "over", "neighbours", "sharpness", "SSIM"):
        assert title in text


def told(weights, **terms):
    """What is said of a step's terms, given by name."""
    loss = {name: terms[name] for name in LossTerms._fields}
    return training_line(loss, weights, lr=4e-4, samples_per_s=123.4)


def test_a_step_s_figures_are_two_lines_of_80_columns_and_three_with_every_term():
    l1_alone = {"l1": 1.0, "ms": 0.0, "grad": 0.0, "perceptual": 0.0}
    few = told(l1_alone, l1=0.02, ms=0.01, grad=0.02, perceptual=0, plain=0.02, total=0.04)
    assert "l1 0.0200 (×1, 50%)" in few
    assert "plain 0.0200 (50%)" in few
    assert len(shown(few).splitlines()) == 2
    terms = {"l1": 0.03, "ms": 0.04, "grad": 0.02, "perceptual": 0.7, "plain": 0.04, "total": 0.1}
    assert len(shown(told(ALL_TERMS, **terms)).splitlines()) == 3


def test_what_is_not_trained_is_not_told():
    terms = {"l1": 0.03, "ms": 0.04, "grad": 0.02, "perceptual": 0.7, "plain": 0.0, "total": 0.1}
    assert "plain" not in told(ALL_TERMS, **terms)


def test_of_many_clips_the_worst_and_the_best_are_shown():
    gains = {f"clip {i:03}": SCORES | {"gain_bicubic_db": i / 100} for i in range(300)}
    text = shown(sources_table(gains))
    rows = [line for line in text.splitlines() if "clip " in line and "│" in line]
    assert len(rows) == MOST_CLIPS
    assert "clip 000" in rows[0]
    assert "clip 299" in rows[-1]
    assert "6 worst and the 6 best of 300 clips" in text


def test_a_clip_s_name_is_text():
    assert "[red]a[/red]" in shown(sources_table({"[red]a[/red]": SCORES}), columns=120)
