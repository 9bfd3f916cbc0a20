"""Threads between reading, the network and writing: in order, bounded, and honest about errors."""

import threading

import pytest

from vsr_upscale.stages import Ahead, Behind


class SourceBrokeError(Exception):
    pass


def counted(count, error):
    yield from range(count)
    raise error


def test_items_come_in_order():
    assert list(Ahead(range(50), 3)) == list(range(50))


def test_an_error_comes_after_the_items_before_it():
    found = iter(Ahead(counted(5, SourceBrokeError()), 2))
    assert [next(found) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(SourceBrokeError):
        next(found)


def test_no_more_is_taken_than_may_wait():
    taken, asked = [], threading.Event()

    def source():
        for number in range(100):
            taken.append(number)
            if number == 5:
                asked.set()
            yield number

    ahead = Ahead(source(), 2)
    found = iter(ahead)
    assert [next(found) for _ in range(3)] == [0, 1, 2]
    assert asked.wait(120)  # three are used, two wait, and one is in the hand
    ahead.close()
    assert len(taken) <= 7


def test_a_source_is_closed_when_its_reader_stops():
    closed = []

    def source():
        try:
            yield from range(100)
        finally:
            closed.append(True)

    for item in Ahead(source(), 2):
        if item == 3:
            break
    else:
        pytest.fail("it did not stop")
    assert closed == [True]


def test_what_is_put_is_used_in_order_before_the_end():
    used = []
    behind = Behind(used.append, 2)
    for number in range(30):
        behind.put(number)
    behind.finish()
    assert used == list(range(30))


def test_what_a_user_raises_is_raised_where_items_are_put():
    def use(number):
        if number == 3:
            raise SourceBrokeError

    def put_all(numbers):
        for number in numbers:
            behind.put(number)

    behind = Behind(use, 1)
    with pytest.raises(SourceBrokeError):
        put_all(range(1000))
    with pytest.raises(SourceBrokeError):
        behind.finish()


def test_a_stop_uses_nothing_more():
    used, may_go = [], threading.Event()

    def use(number):
        may_go.wait(120)
        used.append(number)

    behind = Behind(use, 5)
    for number in range(5):
        behind.put(number)
    threading.Timer(0.05, may_go.set).start()
    behind.stop()
    assert len(used) <= 2
