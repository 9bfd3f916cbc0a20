"""What pydantic-settings does here: nesting variables, and laying one source over another.

Its readers of files and of the process's environment stay out: they keep no lines, stop at the
first error and skip names they do not know (docs/decisions/settings-sources.md).
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from pydantic.fields import FieldInfo

from vsr_settings.fields import Fact, facts
from vsr_settings.reading.source import Report, Source
from vsr_settings.schema import Settings
from vsr_settings.writing import toml_value

if TYPE_CHECKING:
    from pydantic_settings import BaseSettings

PREFIX: Final = "VSR_"


def merged(sources: Iterable[Source]) -> Settings:
    """The settings that sources give together, over the defaults.

    Args:
        sources: Values that the schema allows; what wins comes first.
    """
    said = [_with_tables_whole(source.values) for source in sources]
    return Settings.model_validate(dict(_merging()(sources=said)))


def _with_tables_whole(values: Mapping[str, Mapping[str, object]]) -> dict[str, dict[str, object]]:
    """Values in which tables are what the schema makes of them.

    pydantic-settings lays one dictionary over another entry by entry: what a variable says of a
    codec would be mixed with what the file says of another.
    """
    return {
        section: {
            name: facts()[f"{section}.{name}"].checked(value)
            if isinstance(value, dict | list)
            else value
            for name, value in named.items()
        }
        for section, named in values.items()
    }


def text_source(
    said: Iterable[tuple[Fact, str, str]], report: Report, once: str, filled: str
) -> Source:
    """What variables or options say: text, that becomes values of their settings' types.

    Args:
        said: Settings, each with a text and where that was written.
        report: Where to refuse what is blank, or says a setting again.
        once: What to do about a setting that is said twice.
        filled: What to do about a blank text.
    """
    values: dict[str, object] = {}
    places: dict[tuple[str, ...], str] = {}
    for fact, text, place in said:
        if fact.keys in places:
            report.refuse(place, fact.path, text, f"is also set by '{places[fact.keys]}'", once)
        elif not text.strip():
            report.refuse(place, fact.path, text, f"must be {fact.allowed}", filled)
        else:
            try:
                values[fact.variable.lower()] = fact.parse(text)
            except ValueError as error:
                instead = f"for example {toml_value(fact.example)}"
                if not fact.choices:
                    instead += ", or './[…' for a path that begins with a bracket"
                report.refuse(place, fact.path, text, f"is not a TOML value: {error}", instead)
        places.setdefault(fact.keys, place)
    return Source(_nested(values), places)


def _nested(values: Mapping[str, Any]) -> dict[str, dict[str, object]]:
    """Values by name, by section, of values by variable."""
    if not values:
        return {}
    from pydantic_settings import EnvSettingsSource  # noqa: PLC0415 - see below

    class _Nesting(EnvSettingsSource):
        def decode_complex_value(self, _name: str, _field: FieldInfo, value: Any) -> Any:
            return value  # which is TOML's, and not JSON

    source = _Nesting(_merging())
    source.env_vars = dict(values)
    return dict(source())


@cache
def _merging() -> "type[BaseSettings]":
    """`Settings` as a class that takes its values from sources."""
    # Imported here: only loading needs it, and it takes a third of the time of all imports.
    from pydantic_settings import (  # noqa: PLC0415 - see above
        BaseSettings,
        InitSettingsSource,
        PydanticBaseSettingsSource,
        SettingsConfigDict,
    )

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
            return tuple(InitSettingsSource(settings_cls, values) for values in said)

    return _Merging
