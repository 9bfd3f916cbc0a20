"""`python -m vsr_settings`: exit statuses, outputs, and no torch."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from vsr_settings import load, loads, read
from vsr_settings.__main__ import main
from vsr_settings.commands.explain import amp_sentence, figures
from vsr_settings.commands.reference import json_schema, reference_page
from vsr_settings.hardware.presets import PRESETS

ROOT = Path(__file__).parents[2]
CONFIGS = [str(path) for path in sorted((ROOT / "configs").glob("*.toml"))]
HEAVY = ("torch", "torchvision", "numpy", "av", "PIL", "skimage")


def run(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vsr_settings", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, **options
    )


def imported_by(code: str) -> set[str]:
    """Heavy packages that a piece of code imports in a fresh interpreter."""
    probe = f"import sys; {code}; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.splitlines()[-1].split())


def test_importing_vsr_settings_imports_neither_torch_nor_numpy():
    assert imported_by("import vsr_settings") == set()


def test_checking_the_configs_imports_neither_torch_nor_numpy():
    code = f"from vsr_settings.__main__ import main; assert main(['check', *{CONFIGS!r}]) == 0"
    assert imported_by(code) == set()


def test_strategies_import_no_torch():
    folder = str(ROOT / "tests")
    code = f"sys.path.insert(0, {folder!r}); import strategies"
    assert "torch" not in imported_by(code)


def test_check_says_good_once_per_file(capsys):
    assert main(["check", *CONFIGS]) == 0
    assert capsys.readouterr().out.splitlines() == [f"{path}: good" for path in CONFIGS]


def test_check_reports_every_bad_file_and_still_names_the_good(tmp_path, capsys):
    for name, text in (("a", "[train]\nsed = 1"), ("b", "[run]\nnam = 1"), ("c", "")):
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    assert main(["check", *(str(tmp_path / f"{name}.toml") for name in "abc")]) == 2
    output = capsys.readouterr()
    assert "a.toml:2: train.sed" in output.err
    assert "b.toml:2: run.nam" in output.err
    assert output.out == f"{tmp_path / 'c.toml'}: good\n"


def test_a_warning_does_not_refuse(tmp_path, capsys):
    path = tmp_path / "x.toml"
    path.write_text('[hardware]\nmemory_format = "channels_last"\n', encoding="utf-8")
    assert main(["check", str(path)]) == 0
    assert "warning: hardware.memory_format" in capsys.readouterr().err
    assert main(["explain", str(path)]) == 0
    assert "warning: hardware.memory_format" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "no-such-file.toml"],
        ["check", str(ROOT)],
        ["explain", "no-such-file.toml"],
        ["explain", CONFIGS[0], "--set", "train.sed=1"],
        ["import", "no-such-file.py"],
        ["check"],
        ["nonsense"],
        [],
    ],
    ids=" ".join,
)
def test_a_mistake_in_a_real_process_exits_with_2_and_one_message(arguments):
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_variable_in_a_real_process_exits_with_2(monkeypatch):
    monkeypatch.setenv("VSR_TRIAN__SEED", "1")
    done = run("check", CONFIGS[0])
    assert done.returncode == 2
    assert "did you mean 'VSR_TRAIN__SEED'?" in done.stderr


def test_a_reader_that_leaves_causes_no_traceback():
    command = [sys.executable, "-m", "vsr_settings", "schema"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.wait(60) == 141
        assert process.stderr.read() == ""


def test_a_full_disk_is_told_and_is_no_success():
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with full.open("w") as stream:
        done = subprocess.run(
            [sys.executable, "-m", "vsr_settings", "schema"],
            stdout=stream, stderr=subprocess.PIPE, text=True, check=False, timeout=60,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("the output cannot be written")


def test_a_terminal_without_our_characters_shows_their_codes(monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    done = run("check", CONFIGS[1], "--set", "train.batch_size=3")
    assert done.returncode == 2
    assert "batch_size \\xd7 accumulation_steps" in done.stderr


def test_explain_shows_every_value_with_its_source(capsys):
    path = str(ROOT / "configs" / "p4.toml")
    assert main(["explain", path, "--set", "train.seed=3"]) == 0
    page = capsys.readouterr().out
    assert " seed 3 --set train.seed=3 " in " ".join(page.split())
    assert " vram_mib 7611 preset tesla-p4 " in " ".join(page.split())
    assert "7611 MiB - 550 MiB reserve = 7061 MiB" in page
    assert "it saves memory, not time" in page
    assert "an optimiser step sees 16 samples" in page


def test_explain_says_how_each_figure_of_the_card_is_known(tmp_path, capsys):
    path = tmp_path / "x.toml"
    path.write_text("[hardware]\nvram_mib = 7680\n", encoding="utf-8")
    assert main(["explain", str(path), "--json"]) == 0
    known = json.loads(capsys.readouterr().out)["card"]["figures"]
    assert known["vram_mib"] == {"value": 7680, "origin": f"written: {path}:2"}
    assert known["reserve_mib"]["origin"].startswith("inferred: 400 of context")
    assert known["fp32_tflops"]["value"] == 5.5
    assert main(["explain", str(path)]) == 0
    page = " ".join(capsys.readouterr().out.split())
    assert f"vram_mib 7680 written: {path}:2" in page
    assert "bandwidth_gbs 192 reported: GDDR5, 256 bit" in page


@pytest.mark.parametrize("name", PRESETS)
def test_every_figure_that_explain_shows_says_how_it_is_known(name):
    loaded = read(overrides=[f"hardware.preset={name}"], environ={})
    known = figures(loaded)
    assert {"vram_mib", "memory_format"} <= set(known)
    for figure in known.values():
        assert figure["origin"].partition(":")[0] in {
            "measured",
            "reported",
            "recalled",
            "inferred",
        }


def test_a_capability_that_is_written_takes_its_memory_format_along():
    known = figures(read(overrides=["hardware.compute_capability=8.0"], environ={}))
    assert known["compute_capability"]["origin"].startswith("written: --set")
    assert known["memory_format"]["origin"].startswith("inferred: follows from")


@pytest.mark.parametrize(
    ("typed", "path"),
    [
        (["--n-feats", "9999"], "model.n_feats"),
        (["--preset", "tesla-p5000"], "hardware.preset"),
        (["--effective-batch", "many"], "hardware.effective_batch"),
        (["--patch", "60", "--set", "data.patch=61"], "data.patch"),
    ],
)
def test_plan_names_the_options_that_were_typed(typed, path, capsys):
    assert main(["plan", *typed]) == 2
    report = capsys.readouterr().err
    assert f"{' '.join(typed[-2:])}: {path}: " in report
    assert "--set hardware.allow_over_budget" not in report
    assert ("--set" in report) == ("--set" in typed)


def test_explain_json_holds_the_settings_that_load_gives(capsys):
    path = str(ROOT / "configs" / "p4.toml")
    assert main(["explain", path, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    reading = read(path)
    assert answer["settings"] == reading.settings.model_dump(mode="json")
    assert answer["sources"] == reading.sources
    assert answer["recompute"] == reading.settings.model.recompute
    assert answer["budget_mib"] == 7061
    assert answer["effective_batch"] == 16
    assert answer["precision"] == "fp16"


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("use_amp", ["true", "false"])
def test_every_preset_has_a_sentence_on_amp(name, use_amp):
    settings = load(overrides=[f"hardware.preset={name}", f"train.use_amp={use_amp}"], environ={})
    sentence = amp_sentence(settings)
    assert sentence.startswith("off;") == (use_amp == "false")
    assert "\n" not in sentence


def test_amp_promises_time_only_where_there_are_tensor_cores():
    def sentence(preset: str) -> str:
        return amp_sentence(load(overrides=[f"hardware.preset={preset}"], environ={}))

    assert "saves memory, not time" in sentence("tesla-p4")
    assert "saves memory, not time" in sentence("p100-16")
    assert "fp16 on tensor cores, at up to 8.0 times" in sentence("t4")
    assert "bf16 on tensor cores" in sentence("rtx-3060")


def test_the_generated_pages_are_up_to_date():
    """Regenerate with `python -m vsr_settings reference` and `schema`."""
    docs = ROOT / "docs"
    assert (docs / "settings.md").read_text(encoding="utf-8") == reference_page()
    assert (docs / "settings.schema.json").read_text(encoding="utf-8") == json_schema()


def test_the_commands_print_the_generated_pages(capsys):
    assert main(["reference"]) == 0
    assert capsys.readouterr().out == reference_page()
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["additionalProperties"] is False


def test_the_schema_describes_every_setting_and_knows_no_null():
    schema = json.loads(json_schema())
    for section in schema["$defs"].values():
        assert section["additionalProperties"] is False
        for name, field in section["properties"].items():
            assert field.get("description"), name
    assert "null" not in json_schema()


def test_an_empty_file_is_a_run_of_defaults(tmp_path):
    path = tmp_path / "x.toml"
    path.touch()
    assert load(path, environ={}) == loads("")
