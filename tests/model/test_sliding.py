"""A film enlarged frame by frame equals its windows enlarged one by one."""

from dataclasses import dataclass

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from model.test_tiles import random_network
from model.windows import moving_window
from torch.utils.flop_counter import FlopCounterMode

from vsr_model import enlarge_film
from vsr_model.sliding import windows


@dataclass(frozen=True)
class Item:
    number: int
    starts_scene: bool


def items(scenes):
    starts = [start == 0 for length in scenes for start in range(length)]
    return [Item(number, starts_scene) for number, starts_scene in enumerate(starts)]


@given(
    scenes=st.lists(st.integers(1, 9), min_size=1, max_size=4), n_frames=st.sampled_from([3, 5, 7])
)
def test_every_frame_has_a_window_of_its_scene_with_the_nearest_where_it_ends(scenes, n_frames):
    reach, first, expected = n_frames // 2, 0, []
    for length in scenes:
        last = first + length - 1
        expected += [
            [min(max(place, first), last) for place in range(number - reach, number + reach + 1)]
            for number in range(first, last + 1)
        ]
        first += length
    found = [[item.number for item in window] for window in windows(items(scenes), n_frames)]
    assert found == expected


def test_a_window_comes_as_soon_as_its_frames_are_there():
    taken = 0

    def counted():
        nonlocal taken
        for item in items([9]):
            taken += 1
            yield item

    for number, _ in enumerate(windows(counted(), 5)):
        assert taken == min(number + 3, 9)


def test_no_frames_are_no_windows():
    assert list(windows([], 5)) == []


@given(
    align=st.sampled_from(["none", "samples"]),
    scale=st.sampled_from([2, 3, 4]),
    n_frames=st.sampled_from([3, 5]),
    scenes=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    height=st.integers(1, 30),
    width=st.integers(1, 30),
    batch=st.integers(1, 3),
    tile=st.none() | st.integers(4, 40),
)
def test_a_film_is_enlarged_as_its_windows_are(
    align, scale, n_frames, scenes, height, width, batch, tile
):
    network = random_network(n_blocks=2, n_frames=n_frames, scale=scale, align=align)
    found = items(scenes)
    film = moving_window(len(found), height, width)[0].split(1)
    whole = []
    with torch.no_grad():
        for window in windows(found, n_frames):
            lq = torch.stack([film[item.number][0] for item in window])
            whole.append(network(lq[None]))
    frames = ((film[item.number], item.starts_scene) for item in found)
    slid = list(enlarge_film(network, frames, batch=batch, tile=tile))
    torch.testing.assert_close(torch.cat(slid), torch.cat(whole), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("align", ["none", "samples"])
def test_each_frame_is_extracted_once(align, monkeypatch):
    network = random_network(n_blocks=2, n_frames=5, scale=2, align=align)
    extracted, extract = [], network.extract
    monkeypatch.setattr(network, "extract", lambda frame: extracted.append(frame) or extract(frame))
    film = moving_window(7, 8, 8)[0].split(1)
    count = len(list(enlarge_film(network, ((frame, False) for frame in film))))
    assert count == len(extracted) == 7


@pytest.mark.parametrize("align", ["none", "samples"])
def test_a_film_costs_what_its_windows_do_less_all_but_one_extraction_of_each_frame(align):
    network = random_network(n_blocks=2, n_frames=5, scale=2, align=align).float()
    film = moving_window(9, 16, 20)[0].float().split(1)

    def flops(run):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            run()
        return counter.get_total_flops()

    of_window = flops(lambda: network(torch.stack(film[:5], dim=1)))
    of_extraction = flops(lambda: network.extract(film[0]))
    of_film = flops(lambda: list(enlarge_film(network, ((frame, False) for frame in film))))
    assert of_film == 9 * (of_window - 4 * of_extraction)
