"""Laws of the learning rate."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vsr_settings import Train
from vsr_train.step import Schedule, learning_rate, phase


@given(
    max_steps=st.integers(2, 2000),
    warmup=st.integers(0, 1999),
    top=st.floats(1e-6, 1),
    share=st.floats(0, 1),
)
def test_it_rises_to_the_maximum_then_falls_to_the_minimum(max_steps, warmup, top, share):
    warmup = min(warmup, max_steps - 1)
    train = Train(max_steps=max_steps, warmup_steps=warmup, max_lr=top, min_lr=share * top)
    rates = [learning_rate(update, train) for update in range(max_steps)]
    assert rates[:warmup] == sorted(rates[:warmup])
    assert rates[warmup:] == sorted(rates[warmup:], reverse=True)
    assert math.isclose(rates[warmup], top)
    assert all(0 < rate <= top * (1 + 1e-12) or share == 0 for rate in rates)
    if max_steps - 1 > warmup:
        assert math.isclose(rates[-1], share * top, abs_tol=1e-12)


def test_warm_up_rises_in_equal_steps_that_begin_above_zero():
    train = Train(max_steps=100, warmup_steps=4, max_lr=1.0, min_lr=0.0)
    rates = [learning_rate(update, train) for update in range(5)]
    assert rates == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


def test_the_fall_is_half_a_cosine():
    """Three parts in four are left after a third of the way, half after a half, then a quarter."""
    train = Train(max_steps=613, warmup_steps=12, max_lr=1.0, min_lr=0.2)
    rates = [learning_rate(12 + update, train) for update in (0, 200, 300, 400, 600)]
    assert rates == pytest.approx([1.0, 0.8, 0.6, 0.4, 0.2])


def test_unresolved_settings_are_refused():
    with pytest.raises(ValueError, match="resolve the settings"):
        learning_rate(0, Train())


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(0, 3000))
def test_a_withheld_step_does_not_advance_it_and_none_is_fetched(fates, resumed_at):
    train = Train(max_steps=4000, warmup_steps=20, max_lr=1e-3, min_lr=1e-5)
    schedule, withheld, known = Schedule(train), torch.tensor(0), 0
    schedule.rate(resumed_at, withheld)  # begins the table
    for step, is_withheld in enumerate(fates, resumed_at):
        assert float(schedule.rate(step, withheld)) == learning_rate(step - known, train)
        withheld, known = withheld + is_withheld, known + is_withheld


def test_the_table_of_rates_is_continued_for_as_long_as_a_run_lasts():
    train = Train(max_steps=5000, warmup_steps=20, max_lr=1e-3, min_lr=1e-5)
    schedule, withheld = Schedule(train), torch.tensor(7)
    for step in (10, 1000, 1033, 1034, 4999, 12):
        assert float(schedule.rate(step, withheld)) == learning_rate(step - 7, train)


def test_its_phases_are_told_in_words():
    train = Train(max_steps=100, warmup_steps=10, max_lr=1e-3, min_lr=1e-5)
    phases = [phase(update, train) for update in range(101)]
    assert phases == ["warm-up"] * 10 + ["cosine"] * 89 + ["at its floor"] * 2
