"""Tiles with enough around them equal no tiles."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vsr_model import Network, enlarge
from vsr_settings import Model


def random_network(**settings):
    network = Network(Model(n_feats=3, **settings)).double()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return network


@given(
    scale=st.sampled_from([2, 3, 4]),
    n_frames=st.sampled_from([3, 5]),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    tile=st.integers(4, 50),
)
def test_tiles_equal_the_whole_at_once(scale, n_frames, height, width, tile):
    network = random_network(n_blocks=2, n_frames=n_frames, scale=scale)
    lq = torch.rand(1, n_frames, 3, height, width, dtype=torch.float64)
    with torch.no_grad():
        whole = network(lq)
    torch.testing.assert_close(enlarge(network, lq, tile), whole, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("n_frames", [3, 5, 7])
@pytest.mark.parametrize("n_blocks", [2, 4, 6])
def test_the_radius_is_as_far_as_an_output_pixel_sees_and_no_further(n_frames, n_blocks):
    network = random_network(n_frames=n_frames, n_blocks=n_blocks, scale=2)
    side = 2 * network.radius + 9
    lq = torch.rand(1, n_frames, 3, side, side, dtype=torch.float64, requires_grad=True)
    middle = 2 * (side // 2)
    network(lq)[0, :, middle : middle + 2, middle : middle + 2].sum().backward()
    seen = lq.grad.abs().sum((0, 1, 2, 3)).nonzero().flatten()
    reach = max(int(side // 2 - seen.min()), int(seen.max() - side // 2))
    assert reach <= network.radius
    assert reach >= network.radius - 1


def test_a_tile_of_nothing_is_refused():
    with pytest.raises(ValueError, match="side of 0"):
        enlarge(random_network(n_blocks=2), torch.rand(1, 5, 3, 4, 4), 0)
