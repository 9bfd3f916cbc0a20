"""What is drawn of a run fits the screen it is drawn on, and hides nothing that matters."""

import io
import math
import re
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from train.run_states import BEGUN, FULL, SHORT_OF_ALL

from vsr_train.report.live import panel
from vsr_train.report.live.rows import as_ascii, wrapped
from vsr_train.report.live.status import Clip, Losses, Memory
from vsr_train.report.live.trend import MOST_POINTS, History, trend
from vsr_train.signals import Action

SIZES = list(product((40, 60, 80, 100, 119, 120, 150, 200), (10, 16, 24, 40, 60)))
WIDE = replace(FULL, name="影" * 40, clips=(Clip("影" * 90, 20.0, -1.0),), scores=FULL.scores * 9)
STATES = {
    "begun": BEGUN, "full": FULL, "short of all": SHORT_OF_ALL, "wide": WIDE,
    "help": replace(FULL, shows_help=True), "paused": replace(FULL, doing="paused", goes_on=True),
}  # fmt: skip


def drawn(status, width, height):
    """The lines of a panel, as they are printed."""
    file = io.StringIO()
    console = Console(file=file, width=width, height=height, markup=False, highlight=False)
    console.print(panel(status, width, height))
    return file.getvalue().splitlines()


@pytest.mark.parametrize("status", STATES.values(), ids=STATES)
def test_no_line_is_wider_than_the_terminal_nor_are_there_more_than_it_has(status):
    for width, height in SIZES:
        rows = panel(status, width, height).rows
        lines = drawn(status, width, height)
        assert len(lines) == len(rows) <= height * 3 // 4
        assert max(map(cell_len, lines)) <= width


@given(width=st.integers(1, 250), height=st.integers(1, 70), name=st.sampled_from(sorted(STATES)))
def test_no_size_at_all_breaks_a_panel(width, height, name):
    lines = drawn(STATES[name], width, height)
    assert 1 <= len(lines) <= height
    assert max(map(cell_len, lines)) <= width


def figures_of(status):
    """Every figure of a state as it is written."""
    terms, last, memory = status.losses.terms, status.scores[-1], status.memory
    yield from (f"{value:.4f}" for value in terms.values())
    yield from (f"×{weight:g}" for weight in status.weights.values())
    for name, weight in (*status.weights.items(), ("plain", 1.0)):
        yield f"{weight * terms[name] / terms['total']:.0%}"
    yield from (f"{last.psnr:.2f}", f"{last.psnr_bicubic:.2f}", f"{last.psnr_bilinear:.2f}")
    yield from (f"{last.gain_bicubic_db:+.2f}", f"{last.gain_db:+.2f}", f"{last.temporal_db:+.3f}")
    yield from (f"{memory.used:,} MiB", f"{memory.budget:,}", f"{memory.predicted:,} MiB predicted")
    yield from ("9150/20000", "45 %", "11:32:07 left", "3.7 s a step", "4.3 samples/s")
    yield from ("2.34e-04 cosine", "gradient 0.567 (clip 1)", "3 withheld")
    yield from ("step 9000", "took 1:10", "saved step 9000, 20:34 ago")


def test_every_figure_of_a_run_is_on_a_screen_of_80_by_24():
    lines = drawn(FULL, 80, 24)
    text = " ".join(" ".join(lines).split())
    for figure in figures_of(FULL):
        assert figure in text
    for word in (FULL.name, FULL.network, FULL.device, FULL.precision, "training", FULL.evidence):
        assert word in text
    assert "VGG16 (ImageNet) · pretrained, frozen, verified" in text
    for key in ("v validate", "s save", "p pause", "q save and stop", "? help"):
        assert key in lines[-1]
    assert len(lines) <= 18


@pytest.mark.parametrize("size", [(120, 40), (200, 60)])
def test_a_larger_screen_shows_the_same_figures_and_more(size):
    text = " ".join(" ".join(drawn(FULL, *size)).split())
    for figure in figures_of(FULL):
        if size == (200, 60) or figure not in {"3 withheld", "6,345 MiB predicted"}:
            assert figure in text
    assert "clip 00" in text
    assert "step 5000" in text
    assert "next at 10000" in text


def test_losses_and_validations_are_beside_each_other_from_120_columns_on():
    def has_both(width):
        return any("l1" in line and "PSNR" in line for line in drawn(FULL, width, 24))

    assert has_both(120)
    assert not has_both(119)


def test_the_most_important_stays_where_a_screen_is_low():
    text = "\n".join(drawn(FULL, 80, 10))
    for word in ("9150/20000", "total", "31.51 dB", "learning", "11:32:07 left", "films-p4"):
        assert word in text
    (line,) = drawn(FULL, 80, 1)
    assert "9150/20000" in line


def test_names_are_text_and_what_controls_a_terminal_is_made_visible():
    evil = "[red]\x1b[2J\n\ta"
    status = replace(
        FULL, name=evil, device=evil, network=evil, perceptual=evil, verdict=evil, evidence=evil,
        clips=(Clip(evil, 20.0, -1.0),),
    )  # fmt: skip
    for size in ((80, 24), (200, 60)):
        lines = drawn(status, *size)
        assert len(lines) == len(panel(status, *size).rows)
        assert "\x1b" not in "".join(lines)
        assert "[red]\\x1b[2J\\n\\ta" in "".join(lines)


def test_a_long_name_is_cut_with_an_ellipsis():
    first = drawn(SHORT_OF_ALL, 80, 24)[0]
    assert "nnn…" in first
    assert first.endswith("validating 1:01 ─")


def test_a_terminal_without_unicode_gets_as_many_cells_in_ascii():
    for status in STATES.values():
        for row in panel(status, 120, 40).rows:
            text = "".join(segment.text for segment in row)
            plain = "".join(segment.text for segment in as_ascii(row))
            assert plain.isascii()
            assert len(plain) == cell_len(text)


def test_memory_is_called_what_it_is():
    """On the CPU the process is measured and tensors are predicted: no bar compares the two."""
    (line,) = (row for row in drawn(replace(FULL, memory=Memory(640, 294, None, is_process=True)),
                                    80, 24) if "memory" in row)  # fmt: skip
    assert "640 MiB peak of the whole process · 294 MiB of tensors predicted" in line
    assert "━" not in line


def test_what_is_not_trained_has_no_part_and_no_trend():
    losses = replace(FULL.losses, terms=FULL.losses.terms | {"plain": 0.0, "perceptual": 0.0})
    weights = {"l1": 1.0, "ms": 0.0, "grad": 0.0, "perceptual": 0.0}
    lines = drawn(replace(FULL, losses=losses, weights=weights), 80, 24)
    assert not any("plain" in line for line in lines)
    (line,) = (line for line in lines if "multi-scale" in line)
    assert line.split() == ["multi-scale", "0.0322", "×0", "–"]
    (line,) = (line for line in lines if " perceptual" in line)
    assert "0.0" not in line


@pytest.mark.parametrize(
    ("norm", "clip", "told"),
    [
        (3.25, 1.0, "gradient 3.25, clipped to 1"),
        (0.5, 1.0, "gradient 0.5 (clip 1)"),
        (3.25, 0.0, "gradient 3.25"),
        (math.inf, 1.0, "gradient not finite"),
    ],
)
def test_whether_the_gradient_is_clipped_is_told(norm, clip, told):
    losses = replace(FULL.losses, grad_norm=norm)
    text = "\n".join(drawn(replace(FULL, losses=losses, grad_clip=clip), 80, 24))
    assert told in text
    assert ("clip" in text) == ("clip" in told)


@pytest.mark.parametrize(
    ("asked", "doing", "told"),
    [
        (Action.VALIDATE, "training", "validating after this step"),
        (Action.VALIDATE | Action.SAVE, "training", "validating and saving after this step"),
        (Action.PAUSE, "training", "pausing after this step"),
        (Action.STOP | Action.SAVE, "training", "stopping after this step"),
        (Action.STOP, "paused", "stopping"),
    ],
)
def test_a_key_is_acknowledged_before_it_is_followed(asked, doing, told):
    assert drawn(replace(FULL, asked=asked, doing=doing), 80, 24)[-1].rstrip().endswith(f"▸ {told}")


def test_help_says_what_every_key_does_and_the_run_stays_in_sight():
    lines = drawn(replace(FULL, shows_help=True), 80, 24)
    text = "\n".join(lines)
    assert "9150/20000" in text
    assert re.findall(r"^ ([vspq?]) ", text, re.MULTILINE) == ["v", "s", "p", "q", "?"]
    assert "…" not in text


def test_text_is_broken_between_words_and_nothing_of_it_is_lost():
    text = "detail correlation 0.512, detail ratio 0.482, 影影影 of the missing detail restored"
    for width in range(14, 90):
        rows = ["".join(part.text for part in row) for row in wrapped(text, width, 99)]
        assert max(map(cell_len, rows)) <= width
        assert " ".join(rows) == text


@given(
    values=st.lists(st.floats(), max_size=300),
    width=st.integers(0, 80),
    height=st.integers(1, 9),
)
def test_a_trend_has_the_size_that_was_asked_for_whatever_the_values(values, width, height):
    lines = trend(values, width, height)
    assert [len(line) for line in lines] == [width] * height


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40, unique=True))
def test_in_a_trend_a_larger_value_is_never_lower(values):
    lines = trend(values, len(values), 3)
    heights = [sum(" ▁▂▃▄▅▆▇█".index(line[at]) for line in lines) for at in range(len(values))]
    by_value = [height for _, height in sorted(zip(values, heights, strict=True))]
    assert by_value == sorted(by_value)
    assert max(heights) == 24


def test_a_loss_that_falls_by_factors_is_seen_to_fall_all_along():
    (line,) = trend([2.0**-n for n in range(8)], 8)
    assert line == "█▇▆▅▄▃▂▁"


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=3000))
def test_a_history_keeps_the_mean_in_bounded_memory(values):
    history = History()
    for value in values:
        history.add(value)
    history.add(math.nan)
    assert len(history.values) <= MOST_POINTS
    assert min(values) - 1e-9 <= min(history.values)
    assert max(history.values) <= max(values) + 1e-9


def test_a_pace_of_nothing_is_drawn():
    losses = Losses(FULL.losses.terms, 0.0, "cosine", 0.0, samples_per_s=0.0, steps_per_s=0.0)
    assert drawn(replace(FULL, losses=losses, last_step=1, left_s=math.inf), 80, 24)
