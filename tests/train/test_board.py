"""TensorBoard's files of a run, read by TensorBoard's own reader: every step is there once."""

import dataclasses
import io
import json
import math
import re
import shutil
import socket
import subprocess
import sys
import tomllib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from PIL import Image
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from torch.utils.tensorboard import SummaryWriter
from train.event_steps import OF_A_PROCESS, read, steps_by_tag
from train.run_states import ABOUT as RUN

from vsr_model import Network
from vsr_settings import Model, Settings, Train, to_toml
from vsr_train.folder import RunFolder
from vsr_train.report.board import Board, board, event_files
from vsr_train.report.board.tags import CHARTS, CURVES
from vsr_train.report.board.values import histogram

ABOUT = dataclasses.replace(RUN, predicted_mib={"activations": 5, "weights": 2})
SETTINGS = Settings(
    model=Model(n_feats=8, n_blocks=2), train=Train(max_steps=100, val_every=10, save_every=10)
)


@pytest.fixture
def opened(tmp_path):
    """Open a board on the same folder as a process that goes on from a step."""
    boards = []

    def open_at(step, settings=SETTINGS, about=ABOUT):
        boards.append(Board(tmp_path / "board", settings, about, step))
        return boards[-1]

    yield open_at
    for each in boards:
        each.close()


@pytest.fixture
def sheet(tmp_path):
    path = tmp_path / "sheet.png"
    Image.fromarray(np.linspace(0, 255, 60 * 90 * 3).reshape(60, 90, 3).astype(np.uint8)).save(path)
    return path


def make_steps(opened_board, first, last, sheet):
    """Log every step and validate every tenth, with all that goes with it."""
    network = Network(SETTINGS.model)
    for step in range(first, last + 1):
        opened_board.plot({"loss/total": float(step)}, step)
        opened_board.plot_memory(step, step)
        if step % 10 == 0:
            opened_board.plot({"validation/psnr": 20.0 + step}, step)
            opened_board.add_pictures(step, {"clip": sheet})
            opened_board.add_weights(step, network)
            opened_board.add_verdict(step, "learning", "figures")


def test_every_figure_of_the_log_is_a_point_of_a_curve_at_its_step(command, settings_of):
    assert command()[0] == 0
    folder = RunFolder.of(settings_of())
    found = read(folder.tensorboard)

    def curve(tag):
        return {event.step: event.value for event in found.Scalars(tag)}

    for row in map(json.loads, folder.metrics.read_text().splitlines()):
        if row["kind"] == "train":
            figures = {f"loss/{name}": value for name, value in row["loss"].items()}
            figures |= {
                f"optim/{n}": row[n] for n in ("lr", "grad_norm", "samples_per_s", "skipped")
            }
            figures |= {"memory/peak_mib": row["memory_mib"]}
        elif row["kind"] == "validation":
            numbers = {n: each for n, each in row.items() if isinstance(each, int | float)}
            for name in ("step", "time", "seconds", "flat"):
                numbers.pop(name)
            figures = {f"validation/{name}": value for name, value in numbers.items()}
        for tag, value in figures.items():
            if value is not None:
                assert curve(tag)[row["step"]] == np.float32(value), tag
    assert curve("optim/steps_per_s")[8] * 4 == pytest.approx(curve("optim/samples_per_s")[8])
    snapshots = [event.step for event in found.Scalars("watch/restored")]
    assert snapshots == [5]
    for tag in ("watch/detail_ratio", "watch/detail_correlation", "watch/update_ratio"):
        assert [event.step for event in found.Scalars(tag)] == snapshots
    tags = {tag for kind in found.Tags().values() if isinstance(kind, list) for tag in kind}
    assert "watch_blocks/forward_trunk.0" in tags
    assert tags >= {"pictures/val-0", "pictures/val-1", "settings", "about", "verdict"}


def test_what_a_killed_process_wrote_of_later_steps_is_there_once(opened, sheet, tmp_path):
    make_steps(opened(0), 1, 100, sheet)  # and is killed: it closes nothing
    make_steps(opened(30), 31, 60, sheet)
    make_steps(opened(50), 51, 100, sheet)
    never_stopped = Board(tmp_path / "other", SETTINGS, ABOUT, 0)
    make_steps(never_stopped, 1, 100, sheet)
    never_stopped.close()
    assert steps_by_tag(tmp_path / "board") == steps_by_tag(tmp_path / "other")
    found = read(tmp_path / "board")
    assert [event.step for event in found.Tensors("settings")] == [1, 31, 51]


def test_a_run_killed_before_its_first_step_leaves_nothing_twice(opened, tmp_path):
    for step in (0, 0, 30, 30, 30):
        opened(step)
    found = read(tmp_path / "board")
    for tag in OF_A_PROCESS:
        assert [event.step for event in found.Tensors(tag)] == [1, 31]
    assert len(list((tmp_path / "board").iterdir())) == 2


@pytest.mark.parametrize("to", ["4", "auto"])
def test_a_run_that_goes_back_or_on_has_the_curves_of_one_never_stopped(command, settings_of, to):
    changed = {"train__save_every": 4, "train__val_every": 4, "train__max_steps": 12}
    assert command(**changed)[0] == 0
    folder = RunFolder.of(settings_of())
    whole = steps_by_tag(folder.tensorboard)
    if to == "auto":
        (folder.checkpoints / "step-000000012.pt").unlink()
    assert command("--resume", to, **changed)[0] == 0
    assert steps_by_tag(folder.tensorboard) == whole
    if to == "4":  # what was gone back behind is as it was
        assert steps_by_tag(folder.retired / "1" / "tensorboard") == whole


def test_a_run_that_is_at_its_last_step_already_leaves_its_board_alone(command, settings_of):
    assert command()[0] == 0
    folder = RunFolder.of(settings_of()).tensorboard
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert command("--resume", "auto")[0] == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_curves_of_versions_that_wrote_by_torch_go_on(opened, tmp_path):
    with SummaryWriter(str(tmp_path / "board"), purge_step=1) as writer:
        for step in range(1, 9):
            writer.add_scalar("loss/total", step, step)
    opened(5).plot({"loss/total": 0.0}, 6)
    found = read(tmp_path / "board")
    assert [event.step for event in found.Scalars("loss/total")] == [1, 2, 3, 4, 5, 6]


@given(cut=st.integers(0, 3000))
def test_a_file_cut_off_at_any_byte_keeps_what_is_whole(tmp_path_factory, cut):
    folder = tmp_path_factory.mktemp("board")
    first = Board(folder, SETTINGS, ABOUT, 0)
    for step in range(1, 21):
        first.plot({"loss/total": float(step)}, step)
    first.close()
    (path,) = folder.iterdir()
    content = path.read_bytes()
    path.write_bytes(content[: max(0, len(content) - cut)])
    whole = [event.step for event in _scalars(folder, "loss/total")]
    second = Board(folder, SETTINGS, ABOUT, 20)
    second.plot({"loss/total": 21.0}, 21)
    second.close()
    assert [event.step for event in _scalars(folder, "loss/total")] == [*whole, 21]


def _scalars(folder, tag):
    found = read(folder)
    return found.Scalars(tag) if tag in found.Tags()["scalars"] else []


@pytest.mark.parametrize("content", [b"", b"no events", b"\xff" * 99, b"\x00" * 99])
def test_what_is_no_event_file_by_its_content_is_in_nobodys_way(opened, tmp_path, content):
    (tmp_path / "board").mkdir()
    (tmp_path / "board" / "events.out.tfevents.1.somebody").write_bytes(content)
    (tmp_path / "board" / "notes.txt").write_bytes(content)
    opened(3).plot({"loss/total": 1.0}, 4)
    assert [event.step for event in _scalars(tmp_path / "board", "loss/total")] == [4]
    assert (tmp_path / "board" / "notes.txt").read_bytes() == content


def test_a_copy_by_a_link_stays_whole(opened, tmp_path):
    make_steps(opened(0), 1, 9, None)
    (path,) = (tmp_path / "board").iterdir()
    (tmp_path / "retired").mkdir()
    (tmp_path / "retired" / path.name).hardlink_to(path)
    opened(3)
    assert [event.step for event in _scalars(tmp_path / "retired", "loss/total")] == [*range(1, 10)]
    assert [event.step for event in _scalars(tmp_path / "board", "loss/total")] == [1, 2, 3]


@pytest.mark.parametrize("later_s", [0, -1e6, 1e6])
def test_files_are_read_in_the_order_of_their_steps_whatever_the_clock_says(
    opened, tmp_path, monkeypatch, later_s
):
    now = 1_795_000_000.0
    for number, step in enumerate((0, 5, 10)):
        monkeypatch.setattr(event_files.time, "time", lambda at=now + number * later_s: at)
        opened(step).plot({"loss/total": 1.0}, step + 1)
    names = sorted(path.name for path in (tmp_path / "board").iterdir())
    steps = []
    for name in names:
        steps += [e.step for e in _scalars(tmp_path / "board" / name, "loss/total")]
    assert steps == [1, 6, 11]


def test_the_name_of_the_machine_is_nowhere(opened, tmp_path):
    opened(0)
    (path,) = (tmp_path / "board").iterdir()
    assert socket.gethostname() not in path.name


def test_what_is_no_finite_number_is_left_out(opened, tmp_path):
    figures = {"a": math.nan, "b": math.inf, "c": -math.inf, "d": None, "e": 1.0}
    opened(0).plot(figures, 1)
    assert read(tmp_path / "board").Tags()["scalars"] == ["e"]


def test_memory_stands_beside_what_was_predicted_and_what_there_is(opened, tmp_path):
    opened(0).plot_memory(9, 1)
    opened(1, about=dataclasses.replace(ABOUT, budget_mib=99)).plot_memory(None, 2)
    found = read(tmp_path / "board")
    curves = {
        tag: [(e.step, e.value) for e in found.Scalars(tag)] for tag in found.Tags()["scalars"]
    }
    assert curves == {
        "memory/peak_mib": [(1, 9)],
        "memory/predicted_mib": [(1, 7), (2, 7)],
        "memory/budget_mib": [(2, 99)],
    }


def test_a_run_ends_with_its_hyper_parameters_and_best_figures_and_one_that_goes_on_anew(
    command, settings_of
):
    best = []
    for last in (8, 12):
        assert command("--resume", "auto", train__max_steps=last)[0] == 0
        folder = RunFolder.of(settings_of())
        found = read(folder.tensorboard)
        start = found.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
        chosen = HParamsPluginData.FromString(start).session_start_info.hparams
        assert chosen["train.max_steps"].number_value == last
        assert chosen["effective_batch"].number_value == 4
        assert chosen["degradation"].string_value == "as ready-made pairs have it"
        assert chosen["train.deterministic"].string_value == "false"
        assert not [name for name in chosen if name.startswith(("run.", "data."))]
        (event,) = found.Scalars("validation_best/psnr")
        rows = map(json.loads, folder.metrics.read_text().splitlines())
        best = [row["psnr"] for row in rows if row["kind"] == "validation"]
        assert (event.step, event.value) == (last, np.float32(max(best)))
    assert len(best) == 3


def test_the_settings_are_a_text_that_reloads(opened, tmp_path):
    odd = {"train": "/films/```\n# no title".replace("\n", " "), "val": "<b>`x`</b>|*a*"}
    settings = SETTINGS.model_copy(update={"data": SETTINGS.data.model_copy(update=odd)})
    about = dataclasses.replace(ABOUT, training="*films* | <b>`x`</b> \x1b[31m", name="[a](b)")
    opened(0, settings, about)
    found = read(tmp_path / "board")
    (event,) = found.Tensors("settings")
    (block,) = MarkdownIt("commonmark").parse(event.tensor_proto.string_val[0].decode())
    assert block.info == "toml"
    assert tomllib.loads(block.content) == tomllib.loads(to_toml(settings))
    (event,) = found.Tensors("about")
    shown = (
        MarkdownIt("commonmark").enable("table").parse(event.tensor_proto.string_val[0].decode())
    )
    cells = [token for token in shown if token.type == "inline"]
    for cell in cells:
        assert {child.type for child in cell.children} <= {"text", "text_special"}
    texts = ["".join(child.content for child in cell.children) for cell in cells]
    assert texts[:2] == ["name", "[a](b)"]
    assert r"*films* | <b>`x`</b> \x1b[31m" in texts


def test_a_picture_is_the_sheet_of_its_validation(opened, sheet, tmp_path):
    opened(0).add_pictures(10, {"clip\n": sheet})
    (event,) = read(tmp_path / "board").Images(r"pictures/clip\n")
    assert (event.width, event.height) == (90, 60)
    shown = np.asarray(Image.open(io.BytesIO(event.encoded_image_string)), np.int16)
    assert np.abs(shown - np.asarray(Image.open(sheet), np.int16)).mean() < 3


@pytest.mark.parametrize("values", [[0.0] * 9, [3.0] * 9, [*map(float, range(-50, 50))], [-2.0]])
def test_a_histogram_counts_every_weight_where_it_is(values):
    shown = histogram("weights/x", torch.tensor(values)).histo
    assert sum(shown.bucket) == shown.num == len(values)
    assert (shown.min, shown.max, shown.sum) == (min(values), max(values), sum(values))
    assert list(shown.bucket_limit) == sorted(shown.bucket_limit)
    below = 0.0
    for limit, count in zip(shown.bucket_limit, shown.bucket, strict=True):
        below += count
        assert sum(value < limit - 1e-5 for value in values) <= below
        assert below <= sum(value <= limit + 1e-5 for value in values)


def test_weights_that_are_few_or_not_finite_have_no_histogram(opened, tmp_path):
    network = Network(SETTINGS.model)
    large = [name for name, each in network.named_parameters() if each.numel() >= board.LARGE]
    dict(network.named_parameters())[large[0]].data.fill_(math.nan)
    opened(0).add_weights(10, network)
    found = read(tmp_path / "board").Tags()["histograms"]
    assert found == [f"weights/{name}" for name in large[1:]]
    assert len(found) > 5


@given(max_steps=st.integers(1, 100_000), val_every=st.integers(1, 5_000))
def test_pictures_and_histograms_come_first_last_and_about_twenty_times(max_steps, val_every):
    train = Train(max_steps=max_steps, val_every=val_every)
    shown = object.__new__(Board)
    shown._settings = SETTINGS.model_copy(update={"train": train})
    steps = sorted({*range(val_every, max_steps + 1, val_every), max_steps})[:200_000]
    due = [step for step in steps if shown.is_time_for_more(step)]
    assert due[0] == steps[0]
    assert due[-1] == max_steps
    assert len(due) <= board.MOST_OFTEN + 1
    assert len(due) >= min(len(steps), board.MOST_OFTEN // 2)


def test_every_curve_that_is_described_or_drawn_with_others_is_one_of_a_run(command, settings_of):
    assert command()[0] == 0
    tags = read(RunFolder.of(settings_of()).tensorboard).Tags()["scalars"]
    patterns = [each for group in CHARTS.values() for chart in group.values() for each in chart]
    for pattern in patterns:
        assert any(re.fullmatch(pattern, tag) for tag in tags), pattern
    assert set(CURVES) - {"memory/budget_mib"} <= set(tags)


def test_a_run_without_tensorboard_writes_none_of_it(command, settings_of):
    assert command(run__tensorboard="false")[0] == 0
    assert not RunFolder.of(settings_of()).tensorboard.exists()


def test_tensorboard_is_not_imported_before_it_is_written():
    code = "import sys, vsr_train.loop; sys.exit('tensorboard' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_disk_that_refuses_is_said_once_and_the_run_goes_on(command, settings_of, monkeypatch):
    add, made = event_files.EventFile.add, []

    def refuse_from_the_third(self, *arguments):
        made.append(1)
        if len(made) >= 3:
            raise OSError("no space left on device")
        add(self, *arguments)

    monkeypatch.setattr(event_files.EventFile, "add", refuse_from_the_third)
    code, out, _ = command()
    assert code == 0
    assert out.count("warning: TensorBoard's files cannot be written") == 1
    assert len(made) == 3


def test_a_folder_that_cannot_be_written_is_said_once_and_the_run_goes_on(command, settings_of):
    folder = RunFolder.of(settings_of())
    folder.path.mkdir(parents=True)
    folder.tensorboard.write_text("a file")
    code, out, _ = command()
    assert code == 0
    assert out.count("warning: TensorBoard's files cannot be written") == 1
    shutil.rmtree(folder.path)


def test_what_was_added_is_with_the_system_at_once(opened, tmp_path):
    opened(0).plot({"loss/total": 1.0}, 1)
    assert [event.step for event in _scalars(tmp_path / "board", "loss/total")] == [1]
