"""What TensorBoard's own reader finds in a folder of event files."""

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

OF_A_PROCESS = {"settings", "about", "curves", "custom_scalars__config__"}
"""Texts that every process of a run writes."""

_ALL = dict.fromkeys(("scalars", "images", "histograms", "tensors"), 0)


def read(folder):
    """Read a folder, or one file, as TensorBoard does; of every tag all that there is."""
    return EventAccumulator(str(folder), size_guidance=_ALL).Reload()


def steps_by_tag(folder):
    """Return the steps of every curve, picture, histogram and text of a run, by kind and tag."""
    found, kinds = read(folder), ("Scalars", "Images", "Histograms", "Tensors")
    return {
        f"{kind} {tag}": [event.step for event in getattr(found, kind)(tag)]
        for kind in kinds
        for tag in found.Tags()[kind.lower()]
        if tag not in OF_A_PROCESS
    }
