"""What pydantic-settings does here: nesting variables, and laying one source over another.

Its readers of files and of the process's environment stay out: they keep no lines, stop at the
first error and skip names they do not know (docs/decisions/settings-sources.md).
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from vsr_settings.card import preset_values
from vsr_settings.fields import facts
from vsr_settings.reading.source import Source
from vsr_settings.schema import Hardware, Settings

if TYPE_CHECKING:
    from pydantic_settings import BaseSettings

PREFIX: Final = "VSR_"


def merged(sources: Iterable[Source]) -> Settings:
    """The settings that sources give together with the preset and the defaults.

    Args:
        sources: Values that the schema allows; what wins comes first.
    """
    return Settings.model_validate(dict(_merging()(sources=[source.values for source in sources])))


def nested(variables: Mapping[str, str]) -> dict[str, dict[str, object]]:
    """Values by name, by section, of variables as `VSR_SECTION__NAME`, each of its setting's type.

    Args:
        variables: Text by variable, of variables that settings have.
    """
    if not variables:
        return {}
    from pydantic_settings import EnvSettingsSource  # noqa: PLC0415 - see below

    source = EnvSettingsSource(_merging())
    source.env_vars = {variable.lower(): text for variable, text in variables.items()}
    return {
        section: {name: facts()[f"{section}.{name}"].parse(text) for name, text in texts.items()}
        for section, texts in source().items()
    }


@cache
def _merging() -> "type[BaseSettings]":
    """`Settings` as a class that takes its values from sources."""
    # Imported here: only loading needs it, and it takes a third of the time of all imports.
    from pydantic_settings import (  # noqa: PLC0415
        BaseSettings,
        InitSettingsSource,
        PydanticBaseSettingsSource,
        SettingsConfigDict,
    )

    class _Preset(InitSettingsSource):
        """What the card that the sources above name is known to have."""

        def __call__(self) -> dict[str, Any]:
            named = Hardware.model_validate(self.current_state.get("hardware", {}))
            return {"hardware": preset_values(named)}

    class _Merging(Settings, BaseSettings):
        # where settings are strict, pydantic-settings would convert texts in a way of its own
        model_config = SettingsConfigDict(
            strict=False, env_prefix=PREFIX, env_nested_delimiter="__"
        )

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            *_readers: PydanticBaseSettingsSource,
            **_more: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            said = init_settings()["sources"]
            written = (InitSettingsSource(settings_cls, values) for values in said)
            return *written, _Preset(settings_cls, {})

    return _Merging
