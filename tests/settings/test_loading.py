"""Where settings come from, which source wins, and what stays open until it is resolved."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from strategies import settings as whole_settings

from vsr_settings import Pipeline, Settings, SettingsError, load, loads, read, resolve, to_toml
from vsr_settings.fields import facts
from vsr_settings.writing import toml_value

SOURCES = ("default", "preset", "file", "environment", "option")


def as_text(value: object) -> str:
    """A value as one types it in a shell."""
    if isinstance(value, Pipeline | tuple):
        return toml_value(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_no_source_at_all_gives_the_defaults_resolved():
    assert load(environ={}) == resolve(Settings())


@pytest.mark.parametrize("highest", SOURCES)
def test_options_win_over_environment_over_file_over_preset_over_default(highest, tmp_path):
    given_by = SOURCES[: SOURCES.index(highest) + 1]
    path = tmp_path / "x.toml"
    lines = ["[hardware]"]
    lines += ['preset = "rtx-3060"'] if "preset" in given_by else []
    lines += ["reserve_mib = 1001"] if "file" in given_by else []
    path.write_text("\n".join(lines), encoding="utf-8")
    environ = {"VSR_HARDWARE__RESERVE_MIB": "1002"} if "environment" in given_by else {}
    options = ["hardware.reserve_mib=1003"] if "option" in given_by else []
    reading = read(path, options, environ)
    expected = {
        "default": (550, "preset tesla-p4"),
        "preset": (994, "preset rtx-3060"),
        "file": (1001, f"{path}:3"),
        "environment": (1002, "VSR_HARDWARE__RESERVE_MIB"),
        "option": (1003, "--set hardware.reserve_mib=1003"),
    }
    found = reading.settings.hardware.reserve_mib, reading.sources["hardware.reserve_mib"]
    assert found == expected[highest]


@given(whole_settings(), st.data())
@hypothesis_settings(max_examples=200, deadline=None)
def test_an_environment_override_equals_editing_the_file(settings, data):
    fact = data.draw(st.sampled_from(list(facts().values())))
    value = getattr(getattr(settings, fact.section), fact.name)
    assume(value is not None)
    assume(fact.path != "data.train" or not str(value).strip().startswith(("[", "{")))
    edited = load_text(f"[{fact.section}]\n{fact.name} = {toml_value(value)}\n")
    overridden = outcome(lambda: load(environ={fact.variable: as_text(value)}))
    chosen = outcome(lambda: load(overrides=[f"{fact.path}={as_text(value)}"], environ={}))
    assert overridden == chosen == edited


def load_text(text: str) -> Settings | set[str]:
    return outcome(lambda: loads(text))


def outcome(function) -> Settings | set[str]:
    """The settings, or the rules that refuse them."""
    try:
        return function()
    except SettingsError as error:
        return {problem.rule for problem in error.problems}


@given(whole_settings())
@hypothesis_settings(max_examples=200, deadline=None)
def test_settings_written_as_toml_reload_equal(settings):
    resolved = resolve(settings)
    assert loads(to_toml(settings)) == resolved
    assert loads(to_toml(resolved)) == resolved


@given(whole_settings())
@hypothesis_settings(max_examples=100, deadline=None)
def test_resolving_twice_equals_resolving_once(settings):
    assert resolve(resolve(settings)) == resolve(settings)


@given(whole_settings())
@hypothesis_settings(max_examples=100, deadline=None)
def test_settings_survive_json(settings):
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


def test_stored_settings_reload_as_stored_whatever_the_environment_says(tmp_path, monkeypatch):
    stored = load(overrides=["train.seed=7", "train.batch_size=2"], environ={"WORLD_SIZE": "2"})
    path = tmp_path / "settings.toml"
    path.write_text(to_toml(stored), encoding="utf-8")
    monkeypatch.setenv("VSR_TRAIN__SEED", "8")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert load(path, environ={}) == stored
    assert loads(path.read_text(encoding="utf-8")) == stored
    assert Settings.model_validate(stored.model_dump()) == stored


def test_a_stored_text_reloads_where_its_perceptual_file_is_missing(tmp_path):
    weights = tmp_path / "vgg.pth"
    weights.touch()
    stored = load(overrides=[f"loss.perceptual_weights={weights}"], environ={})
    weights.unlink()
    assert loads(to_toml(stored)) == stored


def test_the_process_environment_counts_unless_another_is_given(monkeypatch):
    monkeypatch.setenv("VSR_TRAIN__SEED", "8")
    assert load().train.seed == 8
    assert load(environ={}).train.seed == 0


def test_variables_count_in_lower_case_too():
    assert load(environ={"vsr_train__seed": "8"}).train.seed == 8


def test_one_option_may_be_given_as_a_bare_string():
    assert load(overrides="train.seed=8", environ={}).train.seed == 8


def test_torchrun_processes_count_in_the_effective_batch():
    options = ["train.accumulation_steps=1"]
    reading = read(overrides=options, environ={"WORLD_SIZE": "4"})
    assert reading.settings.train.world_size == 4
    assert reading.sources["train.world_size"] == "WORLD_SIZE"
    with pytest.raises(SettingsError, match="4 × 1 × 1 is 4"):
        read(overrides=options, environ={})


@pytest.mark.parametrize("steps", [1, 2, 99, 100, 101, 50_000, 100_000_000])
def test_automatic_warmup_is_one_percent_at_most_500_and_less_than_the_run(steps):
    warmup = load(overrides=[f"train.max_steps={steps}"], environ={}).train.warmup_steps
    assert warmup == min(500, math.ceil(steps / 100), steps - 1)


def test_every_value_names_its_source(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text("[train]\n\nseed = 3\nmax_steps = 9\n", encoding="utf-8")
    sources = read(path, ["run.name=a"], {"VSR_TRAIN__MAX_STEPS": "8"}).sources
    assert list(sources) == list(facts())
    assert sources["train.seed"] == f"{path}:3"
    assert sources["train.max_steps"] == "VSR_TRAIN__MAX_STEPS"
    assert sources["run.name"] == "--set run.name=a"
    assert sources["hardware.vram_mib"] == "preset tesla-p4"
    assert sources["train.batch_size"] == "default"
    assert sources["train.warmup_steps"] == "default ('auto')"


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path):
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xef\xbb\xbf[train]\r\nseed = 3\r\n")
    reading = read(path, environ={})
    assert reading.settings.train.seed == 3
    assert reading.sources["train.seed"] == f"{path}:2"


def test_what_is_slow_but_possible_is_warned_of_not_refused():
    slow = read(overrides=["hardware.memory_format=channels_last"], environ={})
    assert "few kernels on a Tesla P4" in slow.warnings[0]
    half = read(overrides=["train.amp_dtype=fp16", "run.device=cpu"], environ={})
    assert "slow on the CPU" in half.warnings[0]
    assert read(environ={}).warnings == []


def test_settings_are_frozen_and_convert_no_types():
    with pytest.raises(ValueError, match="frozen"):
        load(environ={}).train.seed = 1  # type: ignore[misc]  # the assignment is what is tested
    with pytest.raises(ValueError, match="valid integer"):
        Settings.model_validate({"train": {"seed": "1"}})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no such file"),
        (b"\xff[train]", "is not UTF-8 text: byte 0 is 0xff"),
        (b"#" * (1 << 20) + b"#", "larger than a settings file"),
    ],
)
def test_a_file_that_cannot_be_read_is_the_only_problem_named(content, says, tmp_path):
    """What the file would have said is unknown, so no rule is applied to what is left."""
    path = tmp_path / "x.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError) as refusal:
        read(path, [], {"VSR_TRAIN__BATCH_SIZE": "3"})
    (problem,) = refusal.value.problems
    assert says in str(problem)


@pytest.mark.parametrize("path", ["", ".", "a\0b", "no/such/dir/x.toml", "x" * 5000])
def test_a_path_that_names_no_file_is_refused(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match="no such file|cannot be read"):
        read(path, environ={})
