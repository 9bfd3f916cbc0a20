"""What is told fits a terminal, and nothing of it is cut."""

import io

import pytest
from rich.console import Console

from vsr_losses import LossTerms
from vsr_train.folder import RunFolder
from vsr_train.report import Report
from vsr_train.report.report import sources_table

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


@pytest.fixture
def training_line(settings_of):
    """What is said of a step's terms, given by name."""

    def tell(weights, **terms):
        settings, file = settings_of(), io.StringIO()
        folder = RunFolder.of(settings)
        folder.open(settings, start_step=0)
        console = Console(file=file, width=400, markup=False, highlight=False)
        with Report(settings, folder, console, weights=weights, start_step=0) as report:
            report.log_training(
                8, [terms[name] for name in LossTerms._fields],
                lr=4e-4, grad_norm=0.1, samples_per_s=123.4, skipped=0,
            )  # fmt: skip
        return file.getvalue().strip().partition(" · ")[2]

    return tell


def test_a_step_s_figures_are_two_lines_of_80_columns_and_three_with_every_term(training_line):
    l1_alone = {"l1": 1.0, "ms": 0.0, "grad": 0.0, "perceptual": 0.0}
    few = training_line(l1_alone, l1=0.02, ms=0.01, grad=0.02, perceptual=0, plain=0.02, total=0.04)
    assert "l1 0.0200 (×1, 50%)" in few
    assert "plain 0.0200 (50%)" in few
    assert len(shown(few).splitlines()) == 2
    terms = {"l1": 0.03, "ms": 0.04, "grad": 0.02, "perceptual": 0.7, "plain": 0.04, "total": 0.1}
    assert len(shown(training_line(ALL_TERMS, **terms)).splitlines()) == 3


def test_what_is_not_trained_is_not_told(training_line):
    terms = {"l1": 0.03, "ms": 0.04, "grad": 0.02, "perceptual": 0.7, "plain": 0.0, "total": 0.1}
    assert "plain" not in training_line(ALL_TERMS, **terms)
