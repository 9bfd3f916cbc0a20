"""The footage that is to be prepared: looked at, decoded by several processes, and opened."""

from collections.abc import Callable

from vsr_data.footage.clip import Footage
from vsr_data.footage.degraded_clip import renewed
from vsr_data.preparing.decoding import decode_videos
from vsr_data.preparing.plan import Wanted
from vsr_data.request import Role
from vsr_data.sources import check_sources, open_training, open_validation


def opened_footage(
    wanted: Wanted, processes: int, say: Callable[[str], None]
) -> dict[Role, Footage]:
    """Open what is to be prepared, as the first step of a run with its seed sees it.

    Args:
        wanted: which windows, and how.
        processes: how many decode.
        say: is told what is decoded.

    Raises:
        DataError: nothing usable remains, or the cache is too small; the message names the files.
    """
    data, model = wanted.settings.data, wanted.settings.model
    decode_videos(check_sources(data, model), processes, say)
    training = open_training(data, model)
    seed = wanted.settings.train.seed
    found: dict[Role, Footage] = {"train": renewed(training, seed, samples_per_step=1)}
    if wanted.has_val:
        found["val"] = open_validation(data, model)
    return found
