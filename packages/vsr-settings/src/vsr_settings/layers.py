"""Who wins: the layers of settings as pydantic-settings sources, merged and validated by it.

Each layer hands over entries that `sources.py` read, or what a preset knows; none reads anything
here. pydantic-settings lays them over one another, the highest first, and validates the whole.
"""

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from vsr_settings.planned import preset_values
from vsr_settings.schema import Hardware, Settings
from vsr_settings.sources import LAYERS, Entry

if TYPE_CHECKING:
    from pydantic_settings import BaseSettings


def assembled(entries: Iterable[Entry]) -> Settings:
    """The settings that entries give together with the preset and the defaults.

    Args:
        entries: Values that their fields allow, at most one of each layer and path.

    Raises:
        ValidationError: A value is not what its field allows.
    """
    layers: dict[str, Any] = {layer: {} for layer in LAYERS}
    for entry in entries:
        section, _, name = entry.path.partition(".")
        layers[entry.layer].setdefault(section, {})[name] = entry.value
    return Settings.model_validate(dict(_layered()(**layers)))


@cache
def _layered() -> "type[BaseSettings]":
    """The sections again, as settings that take their values from our layers alone."""
    # Imported here: only loading needs it, and it takes a third of the time of all imports.
    from pydantic_settings import (  # noqa: PLC0415
        BaseSettings,
        InitSettingsSource,
        PydanticBaseSettingsSource,
    )

    class _Layer(PydanticBaseSettingsSource):
        """What one layer says."""

        def __init__(self, settings_cls: type[BaseSettings], said: dict[str, Any]) -> None:
            super().__init__(settings_cls)
            self._said = said

        def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
            del field
            return self._said.get(field_name), field_name, False

        def __call__(self) -> dict[str, Any]:
            return self._said

    class _PresetLayer(_Layer):
        """What the card that the layers above name is known to have."""

        def __call__(self) -> dict[str, Any]:
            named = Hardware.model_validate(self.current_state.get("hardware", {}))
            return {"hardware": preset_values(named)}

    class _Layered(Settings, BaseSettings):  # type: ignore[misc]  # pydantic merges their configs
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            *_readers: PydanticBaseSettingsSource,
            **_more: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            # pydantic-settings' own readers of the environment and of files stay out.
            said = (
                init_settings.init_kwargs if isinstance(init_settings, InitSettingsSource) else {}
            )
            written = (_Layer(settings_cls, said[layer]) for layer in LAYERS)
            return *written, _PresetLayer(settings_cls, {})

    return _Layered
