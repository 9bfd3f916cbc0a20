"""A whole film enlarged, beside the network alone on its frames: what the upscaler leaves of it."""

import statistics

import torch
from upscale.films import write_film

from vsr_device import choose_inference_platform
from vsr_model import Network, enlarge_film
from vsr_upscale import Request, upscale
from vsr_upscale.engine import Engine
from vsr_upscale.source import Pictures, read_film

from .results import reason_of

ROUNDS = 3


def film(place, deadline, add):
    """Add frames per second of every network, and the share of the network's own."""
    count, *size = place.sizes.film
    path = write_film(place.scratch / "film.mkv", count, size=tuple(size))
    for number, (network, model) in enumerate(place.sizes.networks.items()):
        row = {"kind": "film", "network": network, "size": f"{size[1]}×{size[0]}", "frames": count}
        if deadline.passed:
            add({**row, "left_out": "no time was left"})
            continue
        part = deadline.part(1 / (len(place.sizes.networks) - number))
        try:
            add({**row, **_measured(place, model, path, part)})
        except Exception as error:  # noqa: BLE001 - one that fails is a row
            add({**row, "reason": reason_of(error)})
        place.give_back()


def _measured(place, model, path, deadline):
    network = Network(model)
    torch.nn.init.normal_(network.upsample[2].weight, std=1e-3)
    platform = choose_inference_platform(place.device.type, "auto")
    platform.place(network).eval()
    pictures = list(Pictures(read_film(path)))
    engine = Engine(network, platform, place.sizes.film[1:])
    request = Request(device=place.device.type, overwrite=True)
    alone, whole = [], []

    def by_network():
        frames = ((each.rgb_1CHW.to(place.device), each.starts_scene) for each in pictures)
        with platform.autocast():
            for _ in enlarge_film(network, frames, batch=engine.batch, tile=engine.tile):
                pass

    def by_upscaler():
        upscale(path, place.scratch / "out.mkv", network, request)

    for number in range(1 + ROUNDS):  # the first warms up, and is all where no time is left
        if number and deadline.passed:
            break
        for times, enlarge in ((alone, by_network), (whole, by_upscaler)):
            start = place.now()
            enlarge()
            times.append(place.now() - start)
    medians = [statistics.median(times[1:] or times) for times in (alone, whole)]
    return {
        "precision": platform.precision,
        "batch": engine.batch,
        "rounds": max(1, len(whole) - 1),
        "network_fps": len(pictures) / medians[0],
        "fps": len(pictures) / medians[1],
        "share": medians[0] / medians[1],
    }
