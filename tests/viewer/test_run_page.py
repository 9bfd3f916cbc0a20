"""A run's page stands alone, is sound, bounded, and takes whatever a run is called as text."""

import json
import re

import pytest
from viewer.run_folders import (
    ABOUT,
    NOW,
    rows_of,
    validation,
    verdict,
    write_animation,
    write_rows,
    write_run,
    write_strip,
)
from viewer.sound_html import Sound

from vsr_settings import Settings, resolve, to_toml
from vsr_viewer import PageWriter, write_page
from vsr_viewer.figures import moment
from vsr_viewer.page import LIMIT, page_on_its_own
from vsr_viewer.pictures import Shelf
from vsr_viewer.record import RunReader, without_places

HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=y>\x1b[31m\u202e"


def page_of(folder, now=NOW, **parts):
    reader = RunReader(folder)
    return page_on_its_own(reader.read(), Shelf(reader.root), now, **parts)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = write_run(tmp_path_factory.mktemp("x") / "runs" / "sharper")
    write_animation(folder)
    return page_of(folder)


def test_a_page_needs_nothing_else_and_forbids_it(page):
    sound = Sound(page)
    assert sound.addresses == {"data:", "data:image/webp;base64"}
    assert sound.scripts == 1
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "@import" not in page
    assert "url(" not in page


def test_a_page_says_what_a_run_is_and_what_it_has_come_to(page):
    text = Sound(page).text
    for told in (
        "sharper", "16×4", "60,675 parameters", "learning", "finished", "step 400 of 400", "100%",
        "29.86 dB", "+1.86 dB", "over bicubic", "+0.93 dB", "added by neighbours",
        "chelsea", "coffee", "bicubic 25.00 dB", "output 27.40 dB", "ground truth",
        "predicted for a step", "357 MiB", "whole process", "planned for no card",
        "model.n_feats", "train.max_steps", "Feature channels throughout the network",
        "python -m vsr_upscale film.mp4 film-large.mkv --weights runs/sharper/best.safetensors",
        "python -m vsr_train --settings runs/sharper/settings.toml --resume auto",
    ):  # fmt: skip
        assert told in text, told
    assert "data.patch" not in text.partition("All settings")[0]  # it is at its default


def hostile_run(folder):
    """A run in which every text from outside is an attack."""
    write_run(folder, clips=(HOSTILE, "b"), about=False)
    about = {name: HOSTILE for name, value in ABOUT.items() if isinstance(value, str)}
    about |= {"predicted_mib": {HOSTILE: 5}, "versions": {HOSTILE: HOSTILE}}
    (folder / "about.json").write_text(json.dumps(about))
    (folder / "diagnosis.md").write_text(f"# {HOSTILE}\n\n<b>")
    (folder / "rehearsal.json").write_text(json.dumps({"allocated_mib": 7, "reserved_mib": 9}))
    escaped = json.dumps(HOSTILE)
    with (folder / "settings.toml").open("a") as file:
        file.write(f"[{escaped}]\n{escaped} = {escaped}\n".replace("\\u001b", "\\u001B"))
    write_rows(folder, [verdict(400, HOSTILE, NOW, HOSTILE)], "a")
    (folder / "pictures" / "x<b>-step-000000400.png").write_bytes(b"no picture")
    return folder


def test_names_from_outside_are_text_and_control_characters_are_seen(tmp_path):
    page = page_of(hostile_run(tmp_path / "<b>run&"))
    sound = Sound(page)
    assert sound.scripts == 1
    assert sound.addresses == {"data:", "data:image/webp;base64"}
    assert sound.text.count("<script>alert(1)</script>") > 15
    assert not [each for each in page if not each.isprintable() and each != "\n"]
    assert "\\x1b[31m" in page


def test_a_page_is_at_most_three_megabytes_and_says_what_it_leaves_out(tmp_path):
    clips = [f"clip {i} " + HOSTILE * 4 for i in range(600)]
    folder = write_run(tmp_path / "run", steps=100, clips=())
    rows = [*rows_of(100, 1000), validation(100, clips, 2.0, NOW)]
    rows += [verdict(100 + i, "learning", NOW, HOSTILE * 20) for i in range(300)]
    write_rows(folder, rows)
    for number in range(5):
        write_strip(folder, clips[number], 100, side=420, seed=number, wrong=40, noise=True)
    write_animation(folder, side=420, frames=10, noise=True)
    (folder / "diagnosis.md").write_text(f"{HOSTILE}\n" * 20_000)
    (folder / "settings.toml").write_text("x = 1\n" + f"# {HOSTILE}\n".replace("\x1b", "") * 20_000)
    page = page_of(folder)
    sound = Sound(page)
    assert 2_000_000 < len(page.encode()) <= LIMIT
    assert re.search(r"[1-4] samples? more would make this page too large", sound.text)
    assert "too many for this page" in sound.text
    assert "clip 0" in sound.text
    assert page_of(folder) == page


def test_of_many_clips_the_worst_and_the_best_are_seen_at_once(tmp_path):
    write_rows(tmp_path, [validation(100, [f"clip {i}" for i in range(40)], 1.0, NOW)])
    _, _, rest = Sound(page_of(tmp_path)).text.partition("The 6 worst")
    worst, _, best = rest.partition("The 6 best of 40")
    best = best.partition("All clips")[0]
    assert all(f"clip {i} " in worst for i in range(6))
    assert all(f"clip {i} " in best for i in range(34, 40))
    assert "clip 20 " not in worst + best


def test_the_best_validation_is_a_choice_where_it_is_not_the_latest(tmp_path):
    folder = write_run(tmp_path / "run", steps=400)
    write_rows(folder, [validation(400, ["chelsea", "coffee"], 0.5, NOW)], "a")
    text = Sound(page_of(folder)).text
    assert "best, step 300" in text
    assert "output, step 400" in text
    assert "best PSNR, step 300" in text


def test_pictures_of_versions_before_are_shown_whole(tmp_path):
    folder = write_run(tmp_path / "run", steps=100)
    from PIL import Image

    for path in (folder / "pictures").iterdir():
        with Image.open(path) as sheet:
            sheet.copy().save(path)
    assert "as a version before wrote them" in Sound(page_of(folder)).text


@pytest.mark.parametrize(
    ("steps", "seconds", "ended", "told"),
    [
        (400, 9, False, "finished"),
        (200, 9, False, "running"),
        (200, 9, True, "stopped"),
        (200, 90_000, False, "quiet"),
    ],
)
def test_whether_a_run_goes_on_is_told_by_its_rows_and_the_time(
    tmp_path, steps, seconds, ended, told
):
    folder = write_run(tmp_path / "run", steps=steps)
    text = Sound(page_of(folder, NOW + seconds, has_ended=ended)).text
    assert f"learning {told}" in text
    assert ("40 s left" in text) == (told == "running")
    assert (f"40 s left, as of {moment(NOW + 9)}" in text) == (told == "running")
    assert text.endswith(f"Written {moment(NOW + seconds)}, by python -m vsr_train report .")


def test_on_a_card_what_was_measured_stands_beside_what_was_predicted(tmp_path):
    folder = write_run(tmp_path / "run")
    about = ABOUT | {"device": "cuda:0 (Tesla P4)", "budget_mib": 7061}
    (folder / "about.json").write_text(json.dumps(about))
    (folder / "rehearsal.json").write_text(
        json.dumps({
            "allocated_mib": 340, "reserved_mib": 350, "predicted_allocated_mib": 345,
            "predicted_reserved_mib": 357, "seconds_per_step": 1.5,
        })
    )  # fmt: skip
    text = Sound(page_of(folder)).text
    assert "allocated: 345 MiB predicted, 340 MiB measured, 99% of it" in text
    assert "reserved: 357 MiB predicted, 350 MiB measured, 98% of it" in text
    assert "the budget, 7,061 MiB" in text
    assert "do not compare" not in text


def test_a_run_without_weights_or_validation_says_so(tmp_path):
    write_rows(tmp_path, rows_of(50))
    text = Sound(page_of(tmp_path)).text
    assert "There are no weights yet" in text
    assert "not validated yet" in text
    assert "There are no pictures yet" in text


def test_a_page_is_written_whole_and_again_with_what_is_new(tmp_path):
    folder = write_run(tmp_path / "run", steps=200)
    writer = PageWriter(folder)
    path = writer.write()
    assert "step 200 of 400" in Sound(path.read_text()).text
    write_rows(folder, rows_of(300)[-12:], "a")
    writer.write(has_ended=True)
    text = Sound(path.read_text()).text
    assert "step 300 of 400" in text
    assert "stopped" in text
    write_page(folder)
    assert sorted(each.name for each in folder.iterdir() if each.suffix == ".partial") == []


SECRET = {
    "data": {
        "train": [{"path": "/home/anna/films/*"}, {"path": "demo"}, {"path": "~/more/b"}],
        "val": "/home/anna/held out/",
    },
    "loss": {"perceptual_weights": "../../anna/vgg.pth"},
    "run": {"dir": "/home/anna/runs", "name": "run"},
}


def test_a_page_tells_no_places_of_its_machine_but_the_last_parts_of_their_paths(tmp_path):
    folder = write_run(tmp_path / "anna" / "runs" / "run")
    chosen = Settings.model_validate(SECRET)
    text = to_toml(resolve(chosen))
    (folder / "settings.toml").write_text(text)
    training = "/home/anna/films/*, demo, ~/more/b: 84 clips, 420 windows"
    about = ABOUT | {"training": training, "validation": "/home/anna/held out/: 2 clips"}
    (folder / "about.json").write_text(json.dumps(about))
    (folder / "diagnosis.md").write_text("/home/anna/held out/x.mp4 is odd, and/or even")
    page = Sound(page_of(folder)).text
    for hidden in ("anna", "~/more"):
        assert hidden in text
        assert hidden not in page
    for told in (
        "films/*, demo, b: 84 clips, 420 windows", "held out: 2 clips",
        "held out/x.mp4 is odd, and/or even", 'perceptual_weights = "vgg.pth"',
        "--weights runs/run/best.safetensors", "~/.cache/vsr",
    ):  # fmt: skip
        assert told in page
    assert "data.cache_dir" not in page


def test_thousands_of_places_are_shortened_in_no_time(tmp_path):
    places = [{"path": f"/home/anna/{'x' * (n % 50)}/{n}"} for n in range(10_000)]
    folder = write_run(tmp_path / "run")
    text = to_toml(Settings.model_validate({"data": {"train": places}}))
    (folder / "settings.toml").write_text(text)
    record = without_places(RunReader(folder).read())
    assert "anna" not in record.settings_text
    assert [each["path"] for each in record.setting("data", "train")[:3]] == ["0", "1", "2"]


def test_what_did_not_change_is_not_encoded_again(tmp_path, monkeypatch):
    folder = write_run(tmp_path / "run", steps=100)
    writer = PageWriter(folder)
    writer.write()
    encoded = []
    from vsr_viewer import pictures

    encode = pictures.encode
    monkeypatch.setattr(pictures, "encode", lambda each: encoded.append(each) or encode(each))
    writer.write()
    assert encoded == []
    write_rows(folder, rows_of(200)[-12:], "a")
    write_strip(folder, "chelsea", 200, seed=0, wrong=19)
    writer.write()
    assert len(encoded) == 2  # the output and its detail; bicubic and truth are as they were


def test_what_a_page_cannot_tell_it_says(tmp_path):
    rows = rows_of(100)
    rows[-1] |= {"sources": None}
    rows[-2] |= {"skipped": 3, "grad_norm": 0.9}
    folder = write_run(tmp_path / "run", clips=())
    write_rows(folder, [{"kind": "train", "step": 1, "grad_norm": 0.9, "skipped": 3}, *rows])
    text = Sound(page_of(folder)).text
    assert "does not say what single clips came to" in text
    assert "clipped from 1.000" in text
    assert "There are no pictures yet" in text
    for row in rows:
        row.pop("time")
    write_rows(folder, [row | {"skipped": 3} for row in rows])
    text = Sound(page_of(folder)).text
    assert "its rows say no time" in text
    assert "3 steps were withheld" in text


def test_an_animation_that_is_no_picture_is_said(tmp_path):
    folder = write_run(tmp_path / "run", steps=100)
    for content in (b"RIFF----WEBPxxxx", b"no picture"):
        (folder / "pictures" / "over-the-run.webp").write_bytes(content)
        assert "is no sound picture" in Sound(page_of(folder)).text


def test_a_long_run_s_curves_say_that_they_are_means(tmp_path):
    write_rows(tmp_path, rows_of(9000, 1000, 10))
    page = page_of(tmp_path)
    assert "each of 30 steps; the band around it" in Sound(page).text
    assert page.count('class="band') >= 4
    write_rows(tmp_path, rows_of(900, 100, 10))
    assert "the band around it" not in page_of(tmp_path)


def test_pictures_that_cannot_be_shown_are_said_and_why(tmp_path):
    folder = write_run(tmp_path / "run", steps=100)
    for path in (folder / "pictures").iterdir():
        path.write_bytes(b"no picture")
    text = Sound(page_of(folder)).text
    assert "No picture of the validation of step 100 can be shown" in text
    assert "pictures/clip-0-step-000000100.png: it is cut short" in text
