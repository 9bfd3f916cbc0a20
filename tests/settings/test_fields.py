"""What messages and the reference say about a setting is what pydantic checks."""

import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from vsr_settings.fields import facts, section_types
from vsr_settings.reading.spelling import meant, other_names
from vsr_settings.schema import Settings


def test_every_setting_has_a_docstring_a_wording_and_a_variable():
    assert set(section_types()) == set(Settings.model_fields)
    for path, fact in facts().items():
        assert fact.doc.endswith("."), path
        assert fact.allowed
        assert fact.variable == f"VSR_{path.replace('.', '__').upper()}"


def test_every_default_is_allowed():
    assert all(fact.allows(fact.default) for fact in facts().values())


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("model.n_blocks", "an even integer from 2 to 512"),
        ("model.n_frames", "an odd integer from 3 to 63"),
        ("model.scale", "2, 3 or 4"),
        ("train.max_lr", "a number above 0, at most 1"),
        ("train.ema_decay", "a number of at least 0, below 1"),
        ("train.val_every", "an integer of at least 1"),
        ("train.seed", "an integer from 0 to 9_223_372_036_854_775_807"),
        ("train.warmup_steps", "an integer from 0 to 100_000_000 or 'auto'"),
        ("train.use_amp", "true or false"),
        ("loss.l1_weight", "a number from 0 to 1_000_000"),
    ],
)
def test_ranges_are_told_as_people_say_them(path, words):
    assert facts()[path].allowed == words


@given(st.sampled_from(list(facts().values())), st.data())
@hypothesis_settings(deadline=None)
def test_the_bounds_that_are_told_are_those_that_hold(fact, data):
    kind = data.draw(st.sampled_from(fact.kinds))
    assume(kind.type is int and not kind.choices and not kind.wording)
    step = kind.multiple_of or 1
    high = kind.high if kind.high is not None else (kind.below or 1 << 63) - step
    assert fact.allows(kind.low)
    assert fact.allows(high)
    assert not fact.allows(kind.low - step)
    if kind.high is not None or kind.below is not None:
        assert not fact.allows(high + step)


def test_names_of_other_trainers_lead_to_settings_that_exist():
    renamed, similar = other_names()
    assert {*renamed.values(), *similar.values()} <= set(facts())
    assert not {*renamed} & {*similar}
    assert meant("train.epochs") == "train.max_steps"
    assert meant("") is None
