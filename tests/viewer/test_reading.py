"""A run is read whatever its files hold, and a log that grows is read as one read at once."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from viewer.run_folders import NOW, rows_of, validation, verdict, write_rows, write_run, write_strip
from viewer.sound_html import Sound

from vsr_viewer.page import LIMIT, page_on_its_own
from vsr_viewer.pictures import Shelf
from vsr_viewer.record import Log, RunReader, UnreadableError, read_strip
from vsr_viewer.record import log as log_module

FILES = (
    "settings.toml", "about.json", "metrics.jsonl", "rehearsal.json", "diagnosis.md",
    "pictures/clip-0-step-000000400.png", "pictures/over-the-run.webp", "best.safetensors",
)  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "sound")


def shown(folder, now=NOW):
    """What the page of a run says, which must be sound."""
    reader = RunReader(folder)
    page = page_on_its_own(reader.read(), Shelf(reader.root), now)
    assert len(page.encode()) <= LIMIT
    return Sound(page).text


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
"""NaN and infinities among them, as versions before wrote."""

KEYS = st.sampled_from([
    "kind", "step", "time", "loss", "lr", "grad_norm", "psnr", "psnr_bicubic", "gain_bicubic_db",
    "sources", "verdict", "why", "seconds", "flat", "predicted_mib", "budget_mib", "device",
    "versions", "allocated_mib", "reserved_mib", "parameters",
])  # fmt: skip
ANY_ROW = st.builds(
    lambda kind, step, row: {"kind": kind, "step": step} | row,
    st.sampled_from(["train", "validation", "verdict", "later"]),
    st.integers(-1, 500) | st.floats(),
    st.dictionaries(KEYS, ANY_JSON | st.floats(0, 100)),
)


@st.composite
def damaged(draw, sound):
    """Bytes that may stand where sound ones were: any, cut short, changed here and there, rows."""
    match draw(st.sampled_from(["any", "cut", "changed", "rows", "empty", "toml"])):
        case "cut":
            return sound[: draw(st.integers(0, len(sound)))]
        case "changed" if sound:
            content = bytearray(sound)
            for _ in range(draw(st.integers(1, 20))):
                content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
            return bytes(content)
        case "rows":
            rows = draw(st.lists(ANY_ROW, max_size=6))
            return b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        case "empty":
            return b""
        case "toml":
            name = draw(st.sampled_from(["model", "loss", "train", "run", "hardware", "x"]))
            value = draw(
                st.sampled_from(["1", "nan", "'<b>'", "[[1]]", "{a = 1}", "1979-05-27", "-inf"])
            )
            key = draw(
                st.sampled_from(["dir", "max_steps", "preset", "l1_weight", "grad_clip", "y"])
            )
            return f"[{name}]\n{key} = {value}\n".encode()
        case _:
            return draw(st.binary(max_size=200))


@given(data=st.data())
def test_any_bytes_in_any_file_make_a_page_that_is_sound(run, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged") / "run"
    folder.mkdir()
    (folder / "pictures").mkdir()
    for name in FILES:
        sound = (run / name).read_bytes() if (run / name).exists() else b""
        content = data.draw(st.just(sound) | damaged(sound), label=name)
        if data.draw(st.booleans(), label=f"{name} is there") or content == sound:
            (folder / name).write_bytes(content)
    assert shown(folder)


def test_a_folder_with_nothing_in_it_says_what_it_lacks(tmp_path):
    text = shown(tmp_path)
    for name in ("settings.toml", "about.json", "metrics.jsonl", "pictures"):
        assert f"{name}: it is not there" in text
    assert "rehearsal.json" not in text  # only a card makes one


@pytest.mark.parametrize("kind", ["folder", "FIFO", "link", "circle"])
def test_what_is_no_file_of_the_run_is_not_read(tmp_path, kind):
    folder = write_run(tmp_path / "runs" / "run")
    (tmp_path / "secret").write_text('{"network": "a secret"}')
    path = folder / "about.json"
    path.unlink()
    match kind:
        case "folder":
            path.mkdir()
        case "FIFO":
            os.mkfifo(path)
        case "link":
            path.symlink_to(tmp_path / "secret")
        case "circle":
            path.symlink_to(path)
    text = shown(folder)
    assert "a secret" not in text
    assert "about.json: it is" in text


@given(data=st.data())
def test_a_log_that_grows_by_any_parts_is_read_as_one_read_at_once(tmp_path_factory, data):
    content = b"".join(json.dumps(row).encode() + b"\n" for row in rows_of(60, 20, 5))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=6)))
    folder = tmp_path_factory.mktemp("log")
    grown = Log(folder)
    for cut in [*cuts, len(content)]:
        (folder / "metrics.jsonl").write_bytes(b"") if not cut else None
        with (folder / "metrics.jsonl").open("ab") as file:
            file.write(content[file.tell() : cut])
        grown.refresh()
    at_once = Log(folder)
    at_once.refresh()
    assert facts(grown) == facts(at_once)
    assert at_once.training.steps.tolist() == list(range(5, 61, 5))
    assert not grown.damaged


def facts(log):
    """All that a log has come to."""
    columns = [(each.steps, each["time"]) for each in (log.training, log.validation)]
    return columns, log.verdicts, log.seconds, log.last_time, log.sources_at(40)


def test_a_log_that_was_rewritten_is_read_anew(tmp_path):
    write_rows(tmp_path, rows_of(100))
    log = Log(tmp_path)
    log.refresh()
    kept = rows_of(100)[:4]
    (tmp_path / "new").mkdir()
    write_rows(tmp_path / "new", kept)
    (tmp_path / "new" / "metrics.jsonl").replace(tmp_path / "metrics.jsonl")
    log.refresh()
    assert log.last_step == max(row["step"] for row in kept)
    (tmp_path / "metrics.jsonl").unlink()
    with pytest.raises(UnreadableError):
        log.refresh()
    assert not log.last_step


def test_a_run_that_went_back_has_only_what_it_made_since(tmp_path):
    went_back = [*rows_of(200, 50), *rows_of(120, 50)[-3:], validation(100, ["a"], 5.0, NOW)]
    write_rows(tmp_path, went_back)
    log = Log(tmp_path)
    log.refresh()
    assert log.training.steps[-1] == 120
    assert log.validation.steps.tolist() == [50, 100]
    assert log.validation["gain_bicubic_db"][-1] == 5.0
    assert list(log.sources_at(100)) == ["a"]
    assert all(each.step <= 120 for each in log.verdicts)


def test_pictures_of_a_validation_that_has_no_row_do_not_count(tmp_path):
    folder = write_run(tmp_path / "run", steps=200)
    write_strip(folder, "from a future that was undone", 300)
    record = RunReader(folder).read()
    assert sorted(record.pictures) == [100, 200]
    assert "undone" not in shown(folder)


def test_figures_of_versions_before_strict_json_are_gaps(tmp_path):
    rows = rows_of(60, 20, 5)
    trained = [row for row in rows if row["kind"] == "train"]
    trained[4]["lr"], trained[5]["loss"]["total"] = float("nan"), float("inf")
    write_rows(tmp_path, rows)
    log = Log(tmp_path)
    log.refresh()
    assert len(log.training) == 12
    assert log.training.last("lr") == pytest.approx(3e-3 / 60)
    assert "nan" not in shown(tmp_path).lower()


def test_damaged_lines_are_counted_and_the_others_read(tmp_path):
    write_rows(tmp_path, rows_of(60, 20, 5))
    with (tmp_path / "metrics.jsonl").open("ab") as file:
        file.write(b'{"kind": "train"\n\xff\xfe\n[1]\n\n{"kind": "later", "step": 9}\n')
    write_rows(tmp_path, rows_of(65, 20, 5)[-1:], "a")
    log = Log(tmp_path)
    log.refresh()
    assert (log.damaged, log.training.steps[-1]) == (3, 65)
    assert "3 lines are damaged" in shown(tmp_path)


def test_of_a_log_too_long_to_read_the_latest_rows_are_read(tmp_path, monkeypatch):
    write_rows(tmp_path, rows_of(2000, 100, 10))
    monkeypatch.setattr(log_module, "MOST_BYTES", 5000)
    monkeypatch.setattr(log_module, "LONGEST_ROW", 4000)
    with (tmp_path / "metrics.jsonl").open("ab") as file:
        file.write(b'{"x": "' + b"x" * 4100 + b'"}\n')
    write_rows(tmp_path, rows_of(2010, 100, 10)[-1:], "a")
    log = Log(tmp_path)
    log.refresh()
    assert log.training.steps[-1] == 2010
    assert log.left_out > 0


def test_the_clips_of_a_name_that_no_utf_8_holds_are_read(tmp_path):
    name = b"clip-\x80".decode("utf-8", "surrogateescape")
    write_rows(tmp_path, [*rows_of(50), validation(50, [name], 1.0, NOW)])
    log = Log(tmp_path)
    log.refresh()
    assert list(log.sources_at(50)) == [name]
    assert "clip-\\udc80" in shown(tmp_path)


def test_time_taken_is_without_the_pauses_between_a_stop_and_going_on(tmp_path):
    rows = [{"kind": "train", "step": i, "time": 1000.0 + 10 * i} for i in range(1, 6)]
    rows += [{"kind": "train", "step": i, "time": 90_000.0 + 10 * i} for i in range(6, 11)]
    rows.append({"kind": "validation", "step": 10, "time": 92_000.0, "seconds": 1890.0})
    write_rows(tmp_path, rows)
    log = Log(tmp_path)
    log.refresh()
    assert log.seconds == pytest.approx(40 + 40 + 1900)


def test_a_strip_is_cut_where_it_says_and_shown_whole_where_it_does_not(tmp_path):
    path = write_strip(tmp_path, "a/b: c", 100, side=64)
    strip = read_strip(tmp_path, path.name)
    assert (strip.clip, strip.step, strip.whole) == ("a/b: c", 100, None)
    assert {name: each.size for name, each in strip.panels.items()} == dict.fromkeys(
        ("bicubic", "output", "ground truth"), (64, 64)
    )
    assert strip.details["output"].size == (16, 16)
    assert (
        strip.details["output"].tobytes() == strip.panels["output"].crop((0, 0, 16, 16)).tobytes()
    )

    with Image.open(path) as sheet:
        sheet.crop((0, 0, 90, 40)).save(path)  # without its chunk
    old = read_strip(tmp_path, path.name)
    assert old.panels == {}
    assert old.whole.size == (90, 40)
    assert old.clip == "clip-0"


def test_what_the_watch_said_last_is_the_verdict(tmp_path):
    write_rows(tmp_path, [*rows_of(50), verdict(50, "stagnating", NOW, "not learning: <b>")])
    assert RunReader(tmp_path).read().verdict.verdict == "stagnating"
    assert "not learning: <b>" in shown(tmp_path)


BOXES = st.fixed_dictionaries({
    name: st.lists(st.integers(-5, 300) | st.floats() | st.text(max_size=2), max_size=5) | ANY_JSON
    for name in ("bicubic", "output", "ground truth")
})  # fmt: skip


@given(boxes=BOXES | ANY_JSON, facts=ANY_JSON)
def test_a_strip_that_says_anything_of_its_panels_is_cut_within_itself(
    tmp_path_factory, boxes, facts
):
    folder = tmp_path_factory.mktemp("strip")
    (folder / "pictures").mkdir()
    told = {"panels": boxes, "details": boxes, "psnr": boxes, "clip": facts}
    info = PngInfo()
    info.add_itxt("vsr", json.dumps(told))
    sheet = Image.new("RGB", (200, 60))
    sheet.save(folder / "pictures" / "a-step-000000100.png", pnginfo=info)
    strip = read_strip(folder, "a-step-000000100.png")
    assert (strip.whole is None) == bool(strip.panels)
    for panel in strip.panels.values():
        assert 0 < panel.width <= 200
        assert 0 < panel.height <= 60


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda png: png[:20], "it is cut short"),
        (lambda png: b"GIF89a" + png[6:], "it is no PNG picture"),
        (lambda png: png[:16] + b"\0\1\0\0\0\1\0\0" + png[24:], "it has 65536 × 65536 pixels"),
        (lambda png: png[:60], "it is damaged: it is no sound PNG picture"),
    ],
)
def test_what_is_no_sound_picture_is_refused_before_memory_is_taken(tmp_path, change, told):
    path = write_strip(tmp_path, "a", 100, side=24)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(UnreadableError) as refused:
        read_strip(tmp_path, path.name)
    assert str(refused.value) == told


def test_the_best_validation_is_one_of_those_measured_as_the_latest_was(tmp_path):
    """Other footage has other figures: an easier one's would stay the best for ever."""
    folder = write_run(tmp_path / "run", steps=200)
    reader = RunReader(folder)
    assert reader.read().best_step == 200
    easier = [validation(step, ("sky",), gain, NOW) for step, gain in ((300, 0.5), (400, 0.1))]
    write_rows(folder, [row | {"psnr_bicubic": 40.0} for row in easier], "a")
    assert reader.read().best_step == 300
    unknown = validation(500, ("sky",), 0.2, NOW) | {"psnr_bicubic": None}
    write_rows(folder, [unknown], "a")
    assert reader.read().best_step == 200
