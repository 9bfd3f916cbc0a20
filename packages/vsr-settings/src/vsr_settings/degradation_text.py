"""A degradation as text: as weights carry it, and as a person reads it."""

from typing import Any

from pydantic import TypeAdapter, ValidationError

from vsr_settings.degradation import Degradation, Pipeline, pipeline_of

_LONGEST = 1 << 14  # characters of a stored degradation; no pipeline has as many
_DEGRADATION: TypeAdapter[Degradation] = TypeAdapter(Degradation)


def store_degradation(degradation: Degradation) -> str:
    """Return the name, or the pipeline as compact JSON."""
    if isinstance(degradation, Pipeline):
        return degradation.model_dump_json(exclude_defaults=True)
    return degradation


def restore_degradation(text: str) -> Degradation | None:
    """Read what `store_degradation` returned; None for anything else."""
    text = text[:_LONGEST]
    try:
        if text.startswith("{"):
            return Pipeline.model_validate_json(text)
        return _DEGRADATION.validate_python(text)
    except (ValidationError, ValueError, RecursionError):
        return None


def describe_degradation(degradation: Degradation) -> str:
    """Say in one line what low-resolution frames are made by, such as `web-video: bicubic · …`."""
    parts = " · ".join(_parts(pipeline_of(degradation)))
    if isinstance(degradation, Pipeline) or degradation == parts:
        return parts
    return f"{degradation}: {parts}"


def _parts(pipeline: Pipeline) -> list[str]:
    parts: list[str] = []
    if (blur := pipeline.blur) is not None:
        parts.append(f"{blur.kind} blur σ {_span(blur.sigma)}{_share(blur.share)}")
    parts.append(pipeline.resize)
    if (noise := pipeline.noise) is not None:
        spans = (("sigma", "σ"), ("read", "σ"), ("photons", "photons"))
        told = [f"{word} {_span(span)}" for name, word in spans if (span := _get(noise, name))]
        parts.append(f"{noise.kind} noise {', '.join(told)}{_share(noise.share)}")
    if pipeline.chroma == "420" and pipeline.codec is None:
        parts.append("4:2:0")
    if pipeline.interlace is not None:
        parts.append(f"interlaced {pipeline.interlace}")
    if (codec := pipeline.codec) is not None:
        name = "quantiser" if codec.kind == "mpeg2" else "crf"
        quality = f"{name} {_span(getattr(codec, name))}"
        if codec.bit_rate is not None:
            quality = f"{_span(codec.bit_rate)} kbit/s"
        parts.append(f"{codec.kind} {quality}{_share(codec.share)}")
    if pipeline.clean_share:
        parts.append(f"{pipeline.clean_share:.0%} clean")
    return parts


def _get(section: Any, name: str) -> Any:
    return getattr(section, name, None)


def _span(span: tuple[float, float]) -> str:
    low, high = span
    return f"{low:g}" if low == high else f"{low:g}–{high:g}"


def _share(share: float) -> str:
    return "" if share == 1 else f" ({share:.0%})"
