"""Tiles with enough around them equal no tiles."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from model.windows import any_known, moving_window

from vsr_model import Network, enlarge
from vsr_settings import Model


def random_network(**settings):
    network = Network(Model(n_feats=3, **settings)).double()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return network


@given(
    align=st.sampled_from(["none", "samples"]),
    scale=st.sampled_from([2, 3, 4]),
    n_frames=st.sampled_from([3, 5]),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    tile=st.integers(4, 50),
)
def test_tiles_equal_the_whole_at_once(align, scale, n_frames, height, width, tile):
    network = random_network(n_blocks=2, n_frames=n_frames, scale=scale, align=align)
    lq = moving_window(n_frames, height, width)
    with torch.no_grad():
        whole = network(lq)
    torch.testing.assert_close(enlarge(network, lq, tile), whole, rtol=1e-10, atol=1e-10)


def test_what_neighbours_show_is_the_same_in_any_tile():
    """Of frames larger than what a tile's features depend on, that move farther than that."""
    network = random_network(n_blocks=2, n_frames=3, scale=2)
    lq = moving_window(3, 96, 60, (14.4, 8.7))
    with torch.no_grad():
        sr, plain = network(lq, with_plain=True)
    assert (sr - plain).abs().mean() > 1e-2
    torch.testing.assert_close(enlarge(network, lq, 20), sr, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("align", ["none", "samples"])
@pytest.mark.parametrize("n_frames", [3, 5, 7])
@pytest.mark.parametrize("n_blocks", [2, 4, 6])
def test_the_radius_is_as_far_as_an_output_pixel_sees_and_no_further(n_frames, n_blocks, align):
    """Of features, where what is known of neighbours stays as it is."""
    network = random_network(n_frames=n_frames, n_blocks=n_blocks, scale=2, align=align)
    side = 2 * network.radius + 9
    lq = torch.rand(1, n_frames, 3, side, side, dtype=torch.float64)
    known, middle = any_known(1, 2, side, side), side // 2
    other = lq.clone()
    other[..., middle, middle] += 1
    with torch.no_grad():
        change = network(other, known) - network(lq, known)
    seen = change.sum((0, 1, 2)).nonzero().flatten() // 2
    reach = max(int(middle - seen.min()), int(seen.max() - middle))
    assert reach <= network.radius
    assert reach >= network.radius - 1


def test_a_tile_of_nothing_is_refused():
    with pytest.raises(ValueError, match="side of 0"):
        enlarge(random_network(n_blocks=2), torch.rand(1, 5, 3, 4, 4), 0)
