"""A film streamed through the network is its windows enlarged, in memory that does not grow."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from upscale.films import base_network

from vsr_device import choose_inference_platform
from vsr_model import Network
from vsr_settings import Model
from vsr_settings.memory import MIB, predict_inference
from vsr_upscale import UpscaleError
from vsr_upscale import engine as engine_module
from vsr_upscale.engine import Engine, digest_of
from vsr_upscale.source import Picture

CPU = choose_inference_platform("cpu", "auto")


def pictures(count, height=20, width=26, cuts=(0,)):
    generator = torch.Generator().manual_seed(1)
    return [
        Picture(n, n, 1, torch.rand(1, 3, height, width, generator=generator), n in cuts)
        for n in range(count)
    ]


def trained(align="samples", n_frames=5, scale=3):
    torch.manual_seed(3)
    network = Network(Model(n_feats=6, n_blocks=4, n_frames=n_frames, scale=scale, align=align))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    return network


def windows_of(found, n_frames, cuts):
    """The plain way: each frame's window, stacked."""
    scenes = [0, *[cut for cut in cuts if cut], len(found)]
    for first, stop in pairwise(scenes):
        for centre in range(first, stop):
            reach = range(centre - n_frames // 2, centre + n_frames // 2 + 1)
            places = [min(max(place, first), stop - 1) for place in reach]
            yield torch.cat([found[place].rgb_1CHW for place in places])[None]


@pytest.mark.parametrize("tile", [0, 8])
@pytest.mark.parametrize("align", ["none", "samples"])
@pytest.mark.parametrize("cuts", [(0,), (0, 4, 5)])
def test_streamed_is_whole_to_rounding(align, cuts, tile):
    network, found = trained(align), pictures(9, cuts=cuts)
    with torch.no_grad():
        whole = [network(window) for window in windows_of(found, 5, cuts)]
    streamed = list(Engine(network, CPU, (20, 26), tile).enlarge(found))
    assert [picture.number for picture, _ in streamed] == list(range(9))
    for (_, sr), expected in zip(streamed, whole, strict=True):
        torch.testing.assert_close(sr, expected, rtol=1e-5, atol=1e-5)


def test_a_frame_is_held_no_longer_than_a_window_needs_it():
    alive = []

    def film():
        for picture in pictures(30):
            alive.append(torch._C._storage_Use_Count(picture.rgb_1CHW.untyped_storage()._cdata))
            yield replace(picture, rgb_1CHW=picture.rgb_1CHW.clone())

    engine = Engine(base_network(n_frames=5), CPU, (20, 26))
    taken = film()
    for number, (picture, _) in enumerate(engine.enlarge(taken)):
        assert picture.number == number
        assert len(alive) <= number + 3


def test_frames_that_do_not_fit_are_cut_into_the_largest_tiles_that_do(monkeypatch):
    network, height, width = base_network(scale=3), 400, 600
    painted = engine_module.PAINTED * 3 * 4 * 9 * height * width

    def needed(tile=None):
        memory = predict_inference(network.settings, height, width, "fp32", tile=tile)
        return memory.reserved + painted

    whole = needed()
    monkeypatch.setattr(engine_module, "free_bytes", lambda _: 2 * whole + 1)
    assert Engine(network, CPU, (height, width)).tile is None
    monkeypatch.setattr(engine_module, "free_bytes", lambda _: 2 * (whole - MIB))
    tile = Engine(network, CPU, (height, width)).tile
    assert tile in engine_module.TILES
    assert needed(tile) <= whole - MIB
    larger = [side for side in engine_module.TILES if tile < side < width]
    for side in larger:
        assert needed(side) > whole - MIB


def test_frames_that_fit_in_no_tiles_are_refused_unless_tiles_are_asked_for(monkeypatch):
    monkeypatch.setattr(engine_module, "free_bytes", lambda _: 1 << 20)
    with pytest.raises(UpscaleError, match="in the smallest tiles"):
        Engine(base_network(), CPU, (400, 600))
    assert Engine(base_network(), CPU, (400, 600), 64).tile == 64
    assert Engine(base_network(), CPU, (400, 600), 0).tile is None


def test_a_digest_tells_networks_apart():
    one, other = trained(), trained()
    assert digest_of(one) == digest_of(other)
    other.fusion.conv.bias.data[0] += 1e-6
    assert digest_of(one) != digest_of(other)
    assert digest_of(base_network(n_frames=3)) != digest_of(base_network(n_frames=5))
