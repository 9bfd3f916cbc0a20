"""A remedy is no harm: what a message says to write loads, and makes a run worth starting."""

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from strategies import settings as whole_settings

from vsr_settings import Problem, Settings, SettingsError, loads, read, to_toml
from vsr_settings.fields import facts
from vsr_settings.writing import toml_text

CONFIGS = [
    loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parents[2] / "configs").glob("*.toml"))
]
WRITTEN = re.compile(r'(?:write|for example|and) ([a-z0-9_.]+) = ("[^"]*"|[^\s,;]+)')
RATES = ("train.max_lr", "train.min_lr", "train.weight_decay", "train.ema_decay")
WRONG = st.one_of(
    st.integers(-3, 70),
    st.integers(-(1 << 70), 1 << 70),
    st.floats(),
    st.booleans(),
    st.sampled_from(
        ["", "auto", "fp61", "gtx-1060", "cuda:3", "9:9", "999999998:", ":2", "4", "1e-3"]
    ),
)


def written(problem: Problem) -> dict[str, object]:
    """What a remedy says to write, by path; nothing where it says something else."""
    if "cheapest change first" in problem.remedy:  # alternatives, which test_memory loads
        return {}
    section = problem.path.partition(".")[0]
    return {
        name if "." in name else f"{section}.{name}": tomllib.loads(f"x = {value}")["x"]
        for name, value in WRITTEN.findall(problem.remedy)
    }


def values_of(settings: Settings) -> dict[str, object]:
    values = {path: fact.of(settings) for path, fact in facts().items()}
    return {path: value for path, value in values.items() if value is not None}


def problems_of(values: dict[str, object]) -> tuple[Problem, ...]:
    try:
        loads(toml_text(values))
    except SettingsError as error:
        return error.problems
    return ()


def check_remedies(settings: Settings, path: str, value: object) -> None:
    """Write one setting otherwise, do as the messages say, and load it."""
    values = values_of(settings) | {path: value}
    problems = problems_of(values)
    remedies = [written(problem) for problem in problems]
    if not all(remedies):
        return
    for remedy in remedies:
        values |= remedy
    assert problems_of(values) == (), remedies
    for rate in RATES if not isinstance(value, str) else ():  # a text is repeated as a number
        default = facts()[rate].default
        for remedy in remedies:
            number = remedy.get(rate, default)
            assert default / 100 <= number <= default * 100, rate


@given(whole_settings(), st.sampled_from(list(facts())), WRONG)
@hypothesis_settings(max_examples=50)
def test_what_a_message_says_to_write_loads_with_the_other_settings(settings, path, value):
    check_remedies(settings, path, value)


@given(st.sampled_from(CONFIGS), st.sampled_from(list(facts())), WRONG)
@example(CONFIGS[0], "train.max_lr", 0)
@example(CONFIGS[0], "train.max_lr", 1e-6)
@example(CONFIGS[1], "train.min_lr", -1.0)
@example(CONFIGS[1], "train.ema_decay", 1.0)
@example(CONFIGS[1], "train.weight_decay", 11.0)
@example(CONFIGS[2], "model.n_feats", 256_000)
@example(CONFIGS[2], "train.batch_size", 0)
@example(CONFIGS[2], "data.patch", 5000)
@example(CONFIGS[2], "loss.perceptual_chunk", 5)
@hypothesis_settings(max_examples=50)
def test_what_a_message_says_to_write_fits_the_card(settings, path, value):
    check_remedies(settings, path, value)


@pytest.mark.parametrize(
    ("low", "high"), [(0.1, 4e-4), (4e-6, 1e-6), (0.1, 1e-6), (1.0, 0.5), (5e-324, 0.0)]
)
def test_learning_rates_in_the_wrong_order_are_mended_with_rates_that_train(low, high):
    values = {"train.min_lr": low, "train.max_lr": high}
    (problem,) = problems_of(values)
    mended = written(problem)
    assert problems_of(values | mended) == ()
    assert all(facts()[path].default / 100 <= rate for path, rate in mended.items())


def test_a_value_that_goes_with_no_other_is_not_suggested():
    """Neither 1 nor the default 4 makes 16 samples of 5 passes."""
    values = {"hardware.preset": "tesla-p4", "train.accumulation_steps": 5, "train.batch_size": 0}
    (problem,) = problems_of(values)
    assert written(problem) == {}
    assert "see train.batch_size in 'docs/settings.md'" in problem.remedy


def test_a_card_of_another_number_is_no_card_that_was_meant():
    (problem,) = problems_of({"hardware.preset": "gtx-1060"})
    assert "did you mean" not in problem.remedy
    (problem,) = problems_of({"hardware.preset": "rtx3060"})
    assert "did you mean 'rtx-3060'?" in problem.remedy


@pytest.mark.parametrize(
    ("missing", "close"),
    [("p4-lrage.toml", "p4-large.toml"), ("P4-Large", "p4-large.toml"), ("demo.tml", "demo.toml"),
     ("a.toml", None), ("mine.toml", None), ("p.toml", None), ("x.toml", None)],
)  # fmt: skip
def test_a_missing_file_suggests_one_that_is_called_almost_the_same(missing, close, tmp_path):
    for name in ("p4-large.toml", "demo.toml", "b.toml"):
        (tmp_path / name).touch()
    with pytest.raises(SettingsError) as refusal:
        read(tmp_path / missing, environ={})
    (problem,) = refusal.value.problems
    expected = f"did you mean '{tmp_path / close}'?" if close else "give the path of"
    assert problem.remedy.startswith(expected)


@pytest.mark.parametrize(
    ("text", "key", "first", "again"),
    [
        ("[train]\nseed = 1\nseed = 2", "train.seed", 2, 3),
        ("[run]\n[train]\n[run]", "run", 1, 3),
        ("train.seed = 1\n\n[train.seed]\nx = 1", "train.seed", 1, 3),
        ("a = 1\na.b = 2", "a", 1, 2),
        ('[run]\nname = """\n[run]\n"""\nname = [\n1]', "run.name", 2, 5),
    ],
)
def test_a_key_that_stands_twice_is_named_with_both_lines(text, key, first, again):
    with pytest.raises(SettingsError) as refusal:
        loads(text, "x.toml")
    (problem,) = refusal.value.problems
    assert (problem.source, problem.path) == (f"x.toml:{again}", key)
    assert f"{key!r} is on line {first} already" in problem.rule
    assert problem.remedy == "keep one of the two"


def test_settings_that_were_written_complete_have_no_problem():
    """The tests above mend what they break, not what was broken before."""
    assert all(problems_of(values_of(settings)) == () for settings in CONFIGS)
    assert all(loads(to_toml(settings)) == settings for settings in CONFIGS)
