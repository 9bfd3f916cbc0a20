"""What a card found goes on the page under its name, and nothing else goes there."""

import pytest
import render
from card.page import BEGIN, END, NotOfACardError, card_part, with_card_part
from card.results import write_json

FACTS = {
    "kind": "cuda", "name": "Made-up Card", "torch": "2.99.0", "cuda": "13.0", "cudnn": 92000,
    "capability": "9.0", "total_mib": 81000, "preset": "h100-80",
}  # fmt: skip
ROWS = {
    "laws": [
        {"kind": "law", "law": "It holds.", "outcome": "passed", "seconds": 1.0},
        {"kind": "law", "law": "It | does not.", "outcome": "failed", "reason": "1 != 2"},
    ],
    "memory": [
        {
            "kind": "step", "network": "64x24", "precision": "fp16", "recompute": "none",
            "predicted_allocated_mib": 2400.0, "allocated_mib": 2390.0,
            "predicted_reserved_mib": 2900.0, "reserved_mib": 2750.0, "over": 0.0545,
        },
        {"kind": "step", "network": "128x36", "precision": "fp32", "recompute": "none",
         "reason": "OutOfMemoryError: CUDA out of memory"},
        {"kind": "limit", "config": "p4", "limit_mib": 7061, "steps": 20, "within": True},
    ],
    "speed": [
        {"kind": "matmul", "precision": "fp16", "tflops": 700.0},
        {"kind": "copy", "gbs": 3000.0},
        {"kind": "time", "network": "64x24", "precision": "fp16", "contender": "plain",
         "seconds": 0.2, "ratio": 1.7, "against": "ours"},
        {"kind": "share", "network": "64x24", "precision": "fp16", "of_matmul": 0.4,
         "of_bandwidth": None},
        {"kind": "waits", "network": "64x24", "precision": "fp16", "waits": 0},
    ],
    "film": [{"kind": "film", "network": "64x24", "size": "480×270", "fps": 30.0}],
    "training": [{"kind": "validation", "step": 100, "psnr": 30.0, "gain_bicubic_db": 0.5}],
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    for name, rows in ROWS.items():
        write(tmp_path, name, rows)
    return tmp_path


def write(folder, name, rows, facts=FACTS, status="complete"):
    content = {"format": 1, "section": name, "status": status, "reason": None, "on": facts}
    write_json(folder / f"{name}.json", content | {"rows": rows})


def part_of(folder):
    return card_part(folder, render.table)


def test_what_is_measured_names_its_card_and_torch(folder):
    part = part_of(folder)
    assert part.lower().count("measured on made-up card, torch 2.99.0") == 1 + len(ROWS)
    assert "1 of 2 tests that need a card pass" in part
    assert "It \\| does not." in part
    for figure in ("2,390 MiB", "+5.5%", "1.70", "40%", "30.00 dB", "700.0 TFLOP/s"):
        assert figure in part
    assert "trained and validated within it" in part
    assert "predicted live" in part
    assert "nothing on this page was measured" not in part


def test_without_a_folder_the_page_says_that_no_card_has_run_it():
    assert "No card has run it: nothing on this page was measured on one." in part_of(None)


def test_figures_of_a_cpu_are_refused(folder):
    write(folder, "memory", ROWS["memory"], facts={"kind": "cpu", "name": "a CPU", "torch": "2.7"})
    with pytest.raises(NotOfACardError, match="no figure of it is a card's"):
        part_of(folder)


def test_figures_of_two_cards_are_not_mixed(folder):
    write(folder, "film", ROWS["film"], facts=FACTS | {"name": "Another Card"})
    with pytest.raises(NotOfACardError, match="more than one card"):
        part_of(folder)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 99}'])
def test_a_section_that_is_damaged_or_missing_is_one_that_did_not_run(folder, content):
    (folder / "film.json").write_text(content)
    (folder / "training.json").unlink()
    part = part_of(folder)
    assert "| film | did not run |" in part
    assert "| training | did not run |" in part
    assert "### Films" not in part


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(NotOfACardError, match="holds no results"):
        part_of(tmp_path)


def test_the_rest_of_the_page_is_left_as_it_is(folder):
    page = f"# Page\n\nbefore\n\n{BEGIN}\nobsolete\n{END}\n\nafter\n"
    written = with_card_part(page, part_of(folder))
    assert written.startswith("# Page\n\nbefore\n\n")
    assert written.endswith(f"{END}\n\nafter\n")
    assert "obsolete" not in written
    assert with_card_part(written, part_of(folder)) == written
    assert with_card_part("# Page\n", part_of(None)).count(BEGIN) == 1
    with pytest.raises(NotOfACardError, match="without the other"):
        with_card_part(f"{BEGIN} only", part_of(None))


def test_the_command_writes_the_cards_part_alone_where_nothing_else_was_measured(
    folder, tmp_path, monkeypatch, capsys
):
    page = tmp_path / "benchmarks.md"
    page.write_text(f"# Page\n\n{BEGIN}\n{END}\n")
    monkeypatch.setattr(render, "PAGE", page)
    monkeypatch.setattr(render, "RESULTS", tmp_path / "none.json")
    render.main(["--card", str(folder)])
    assert "Made-up Card" in page.read_text()
    render.main([])
    assert "Made-up Card" in page.read_text()  # what a card was asked once stays
    page.write_text("# Page\n")
    render.main([])
    assert "No card has run it" in page.read_text()
    with pytest.raises(SystemExit):
        render.main(["--card", str(tmp_path / "nowhere")])
    assert "holds no results" in capsys.readouterr().err


def test_the_page_in_the_documents_has_the_part_that_was_last_written():
    page = render.PAGE.read_text(encoding="utf-8")
    assert page.count(BEGIN) == page.count(END) == 1
    if "Measured on" not in page.partition(BEGIN)[2].partition(END)[0]:
        assert part_of(None) in page
