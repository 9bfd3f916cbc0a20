"""The model card beside the best weights: what a hub and a stranger read, and who may change it."""

import re

import pytest
import torch
from huggingface_hub import ModelCard
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from train.checkpoint_states import make_run, resumed

from vsr_files import printable
from vsr_model import read_facts
from vsr_settings import Data, Hardware, Loss, Model, Run, Settings, Train
from vsr_settings.degradation import NAMED, GaussianBlur, Pipeline
from vsr_settings.degradation_text import describe_degradation
from vsr_train.folder import RunFolder
from vsr_train.folder.signed import is_untouched, write_unless_edited
from vsr_train.report.about import About
from vsr_train.report.markdown import code, code_block, escaped, table
from vsr_train.report.model_card import model_card
from vsr_upscale import __main__ as upscale

BEST = {
    "step": 500, "psnr": 30.123, "psnr_bicubic": 28.5, "psnr_bilinear": 27.5,
    "psnr_y": 31.5, "psnr_y_bicubic": 29.5, "psnr_y_bilinear": 28.5,
    "ssim": 0.87654, "ssim_bicubic": 0.8, "ssim_bilinear": 0.79,
    "gain_bicubic_db": 1.623, "temporal_db": 0.456,
}  # fmt: skip
WEIGHTS = {"l1": 1.0, "ms": 0.0, "grad": 0.0, "perceptual": 0.1}


def about_of(settings, **changed):
    values = {
        "name": settings.run.name, "network": "8×2", "window": "5 frames to one, ×3",
        "parameters": 1234567, "device": "cuda:0 (Tesla P4)", "precision": "fp32",
        "memory_format": "contiguous", "card": "Tesla P4", "batch": "4 × 4 × 1 = 16",
        "perceptual": "VGG16 (ImageNet) · pretrained, frozen, verified",
        "training": f"{settings.data.train}: 84 clips, 420 windows",
        "validation": f"{settings.data.val}: 2 clips, 12 windows",
        "degradation": "bicubic", "ready_made": False, "budget_mib": None, "predicted_mib": {},
        "versions": {"python": "3.11", "torch": "2.7.1"},
    }  # fmt: skip
    return About(**values | changed)


def settings_with(**sections):
    values = {
        "hardware": Hardware(preset="cpu"),
        "model": Model(n_feats=8, n_blocks=2),
        "loss": Loss(),
        "data": Data(train="/home/somebody/secret/clips", val="/home/somebody/secret/held-out"),
        "train": Train(batch_size=4, accumulation_steps=4, world_size=1, warmup_steps=10),
        "run": Run(name="film-net", license="cc-by-4.0"),
    }
    return Settings(**values | sections)


def card_of(settings, best=BEST, **changed):
    return model_card(settings, about_of(settings, **changed), best, WEIGHTS)


def read_by_hub(text, tmp_path):
    path = tmp_path / "README.md"
    path.write_text(text, encoding="utf-8")
    return ModelCard.load(path)


def tokens_of(markdown):
    parsed = MarkdownIt("commonmark").enable("table").parse(markdown)
    return [each for token in parsed for each in (token, *(token.children or ()))]


def test_a_hub_finds_licence_task_tags_and_figures(tmp_path):
    card = read_by_hub(card_of(settings_with()), tmp_path)
    assert card.data.license == "cc-by-4.0"
    assert card.data.library_name == "vsr-model"
    assert card.data.pipeline_tag == "video-to-video"
    assert {"super-resolution", "video-super-resolution", "x3"} <= set(card.data.tags)
    assert card.data.model_name == "film-net"
    found = {result.metric_name: result.metric_value for result in card.data.eval_results}
    assert found == {
        "PSNR": 30.123,
        "PSNR, bicubic for comparison": 28.5,
        "PSNR of luma (Y)": 31.5,
        "PSNR of luma (Y), bicubic for comparison": 29.5,
        "SSIM": 0.8765,
        "SSIM, bicubic for comparison": 0.8,
    }
    assert {result.metric_type for result in card.data.eval_results} == {"psnr", "ssim"}
    assert {result.task_type for result in card.data.eval_results} == {"video-to-video"}
    assert card.text.lstrip().startswith("# film-net: video super-resolution ×3")


def test_the_figures_are_beside_those_of_bicubic_and_bilinear(tmp_path):
    text = card_of(settings_with())
    assert "| PSNR, dB | 30.12 | 28.50 | 27.50 |" in text
    assert "| SSIM | 0.8765 | 0.8000 | 0.7900 |" in text
    assert "1.62 dB over bicubic" in text
    assert "With the middle frame alone it would be 0.46 dB less" in text
    assert "no better than bicubic" not in text
    poor = card_of(settings_with(), BEST | {"gain_bicubic_db": -0.5, "temporal_db": -0.1})
    assert "0.50 dB below bicubic" in poor
    assert "0.10 dB more" in poor
    assert "no better than bicubic" in poor


def test_best_figures_of_an_older_run_lack_some_and_are_told_all_the_same(tmp_path):
    old = {"step": 5, "psnr": 30.0, "gain_bicubic_db": 0.5}
    card = read_by_hub(card_of(settings_with(), old), tmp_path)
    assert [result.metric_value for result in card.data.eval_results] == [30.0]
    assert "| SSIM | – | – | – |" in card.text


@pytest.mark.parametrize(
    "degradation",
    [*NAMED, Pipeline(resize="subsample", blur=GaussianBlur(kind="gaussian", sigma=1.6))],
    ids=[*NAMED, "BD"],
)
def test_what_it_was_trained_for_is_told_and_what_follows(degradation):
    settings = settings_with(data=Data(degradation=degradation))
    text = card_of(settings)
    if degradation in ("bicubic", "area", "clean"):
        assert "merely small" in text
        assert "traces of compression are not" in text
    else:
        assert escaped(describe_degradation(degradation)) in text
        assert "with the flaws" in text


def test_of_ready_made_pairs_the_settings_say_nothing():
    text = card_of(settings_with(data=Data(degradation="web-video")), ready_made=True)
    assert "pairs that were made elsewhere" in text
    assert "h264" not in text


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [("unknown", "Not chosen yet"), ("other", "`LICENSE`"), ("mit", "`mit`, for the weights")],
)
def test_the_licence_is_told_and_one_that_was_not_chosen_too(tmp_path, chosen, expected):
    card = read_by_hub(card_of(settings_with(run=Run(name="n", license=chosen))), tmp_path)
    assert card.data.license == chosen
    assert expected in card.text


def test_of_this_machine_s_paths_only_the_last_part_is_told():
    several = [
        {"path": "/home/somebody/secret/films/*/"},
        {"path": "/mnt/secret/shards-{0..9}.tar"},
    ]
    settings = settings_with(
        data=Data(
            train=several, val="/home/somebody/secret/held-out", cache_dir="/home/somebody/c"
        ),
        run=Run(name="film-net", dir="/home/somebody/runs"),
        loss=Loss(perceptual_weights="/home/somebody/vgg.pth"),
    )
    sources = ", ".join(each["path"] for each in several)
    text = card_of(settings, training=f"{sources}: 84 clips, 420 windows")
    assert "secret" not in text
    assert "somebody" not in text
    for shown in ("`films/*`", "`held-out`", "84 clips, 420 windows"):
        assert shown in text


NASTY = st.text(
    st.one_of(
        st.sampled_from("`*_[]()<>#~&$|\\!\"'\n\r\x1b{}:-= \u202e\u2028é×"),
        st.characters(exclude_categories=("Cs",)),
    ),
    max_size=40,
)


@given(text=NASTY)
def test_text_from_outside_is_text_in_markdown_and_never_markup(text):
    shown = printable(text)
    (inline,) = [t for t in tokens_of(f"It is {escaped(text)}.") if t.type == "inline"]
    assert {child.type for child in inline.children} <= {"text", "text_special"}
    assert "".join(child.content for child in inline.children) == f"It is {shown}."
    cells = tokens_of(table(("a",), [(escaped(text),), (code(text),)]))
    assert len([t for t in cells if t.type == "tr_open"]) == 3
    codes = [t.content for t in cells if t.type == "code_inline"]
    assert codes == ([shown] if shown.strip() else codes)
    (block,) = [t for t in tokens_of(code_block(text, "sh")) if t.type == "fence"]
    assert block.content.rstrip("\n").split() == re.sub("\0", "\ufffd", text).rstrip("\n").split()


@given(name=NASTY.filter(lambda text: text.strip()))
def test_a_card_of_sources_with_odd_names_is_still_a_card(tmp_path_factory, name):
    folder = re.sub(r"[\x00-\x1f\x7f/]", "", name) or "x"
    settings = settings_with(data=Data(train=folder, val=folder))
    text = card_of(settings)
    card = read_by_hub(text, tmp_path_factory.mktemp("card"))
    assert len(card.data.eval_results) == 6
    kinds = {token.type for token in tokens_of(card.text)}
    assert not kinds & {"html_inline", "html_block", "link_open", "image", "em_open"}
    titles = [token for token in tokens_of(card.text) if token.type == "heading_open"]
    assert len(titles) == 7


def test_its_python_runs_beside_the_weights(command, settings_of, monkeypatch):
    assert command()[0] == 0
    folder = RunFolder.of(settings_of())
    text = folder.model_card.read_text(encoding="utf-8")
    (python,) = [t for t in tokens_of(text) if t.type == "fence" and t.info == "python"]
    monkeypatch.chdir(folder.path)
    names = {}
    exec(python.content, names)  # noqa: S102 - what the card says to run
    sizes = re.search(r"# \(([0-9, ]+)\)", python.content)[1]
    assert tuple(names["sr"].shape) == tuple(map(int, sizes.split(",")))
    assert isinstance(names["sr"], torch.Tensor)


def test_its_command_lines_are_commands():
    lines = re.findall(r"^python -m (\w+) (.*)$", card_of(settings_with()), re.MULTILINE)
    by_module = dict(lines)
    assert by_module.keys() == {"vsr_upscale", "vsr_model"}
    chosen = upscale._parser().parse_args(by_module["vsr_upscale"].split())
    assert (chosen.film, chosen.out, chosen.weights) == (
        "film.mp4", "film-x3.mkv", "best.safetensors",
    )  # fmt: skip
    assert by_module["vsr_model"] == "export best.safetensors net.onnx"


def test_the_card_is_that_of_the_best_weights(command, settings_of, tmp_path):
    assert command(run__license="mit")[0] == 0
    folder = RunFolder.of(settings_of())
    facts = read_facts(folder.best)
    card = ModelCard.load(folder.model_card)
    assert card.data.license == facts["license"] == "mit"
    assert f"at step {facts['step']}:" in card.text
    values = {result.metric_name: result.metric_value for result in card.data.eval_results}
    assert values["PSNR"] == round(float(facts["psnr"]), 4)
    assert str(tmp_path) not in folder.model_card.read_text()
    assert is_untouched(folder.model_card)


def test_a_card_that_somebody_edited_stays_and_that_is_said_once(command, settings_of):
    assert command(train__max_steps=4)[0] == 0
    card = RunFolder.of(settings_of()).model_card
    edited = card.read_text().replace("## Limits", "## Limits\n\nMine.")
    card.write_text(edited)
    code, out, _ = command("--resume", "auto", train__max_steps=20, train__val_every=5)
    assert code == 0
    assert card.read_text() == edited
    assert out.count("README.md is not as it was written; it stays as it is") == 1


def test_overwriting_deletes_a_card_of_ours_and_no_other(command, settings_of):
    assert command(train__max_steps=1)[0] == 0
    folder = RunFolder.of(settings_of())
    folder.clear(lambda _: True)
    assert not folder.model_card.exists()
    for text in ("mine\n", None):
        write_unless_edited(folder.model_card, "ours")
        folder.model_card.write_text(text or folder.model_card.read_text() + "and mine")
        before = folder.model_card.read_text()
        folder.clear(lambda _: True)
        assert folder.model_card.read_text() == before
        folder.model_card.unlink()


@pytest.mark.parametrize("edited", [False, True])
def test_going_back_behind_the_best_weights_moves_their_card_with_them(settings_of, edited):
    settings = settings_of(train__keep_checkpoints=9)
    folder = RunFolder.of(settings)
    make_run(folder, settings, 4, best=3)
    write_unless_edited(folder.model_card, "of step 3")
    if edited:
        folder.model_card.write_text("mine")
    folder.last.write_bytes(folder.best.read_bytes())
    _, said = resumed(folder, settings, "2")
    assert "last.safetensors of step 3" in said
    place = folder.retired / "1"
    assert (place / "last.safetensors").exists()
    assert folder.model_card.exists() is edited
    assert (place / "README.md").exists() is not edited


def test_weights_of_the_past_that_is_kept_stay_when_a_run_goes_back(settings_of):
    settings = settings_of(train__keep_checkpoints=9)
    folder = RunFolder.of(settings)
    make_run(folder, settings, 4, best=2)
    write_unless_edited(folder.model_card, "of step 2")
    _, said = resumed(folder, settings, "3")
    assert "best" not in said.partition("moved to")[0]
    assert folder.best.exists()
    assert folder.model_card.exists()


def test_a_card_that_cannot_be_written_is_said_once_and_the_run_goes_on(
    command, settings_of, monkeypatch
):
    def refuse(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr("vsr_train.report.report.write_unless_edited", refuse)
    code, out, _ = command()
    assert code == 0
    assert out.count("warning: the model card cannot be written") == 1
    assert RunFolder.of(settings_of()).best.exists()
