"""What the schema refuses of a source: taken out of it, so that the rest can be judged."""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from vsr_files import printable
from vsr_settings.errors import ABSENT
from vsr_settings.fields import Fact, facts, inner_path, section_types
from vsr_settings.reading.source import Report, Source
from vsr_settings.reading.spelling import closest_name, meant, meant_part
from vsr_settings.reading.tables import misfits
from vsr_settings.schema import Settings


@dataclass(frozen=True)
class Refused:
    """A value that its setting does not allow, and where it was written."""

    fact: Fact
    value: object
    place: str


def take_out_refused(source: Source, report: Report) -> list[Refused]:
    """Take everything out of a source that the schema refuses; report what it does not know."""
    try:
        Settings.model_validate(source.values)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
    else:
        return []
    refused: list[Refused] = []
    for keys in dict.fromkeys(tuple(map(str, detail["loc"][:2])) for detail in details):
        section = keys[0]
        if keys == (section,):
            _refuse_section(source, section, source.values.pop(section), report)
            continue
        path, place = ".".join(keys), source.place(*keys)
        value = source.values[section].pop(keys[1])
        if path in facts():
            report.refused.add(path)
            if not _refuse_inside(facts()[path], value, source, report):
                refused.append(Refused(facts()[path], value, place))
        else:
            refuse_unknown(place, path, value, report)
    return refused


def _refuse_inside(fact: Fact, value: object, source: Source, report: Report) -> bool:
    """Report what is wrong inside the tables of a setting; tell whether there was anything."""
    found = misfits(fact, value)
    for one in found:
        place = source.place(*fact.keys, *one.keys)
        path = printable(inner_path(fact.path, one.keys))
        report.refuse(place, path, one.value, one.rule, one.remedy)
    return bool(found)


def refuse_unknown(place: str, path: str, value: object, report: Report) -> None:
    """Report a name that no setting has."""
    close = meant_part(path) or meant(path)
    report.refused.add(close or path)
    instead = f"did you mean {close!r}?" if close else "see 'docs/settings.md' for every setting"
    value = ABSENT if isinstance(value, dict) else value
    report.refuse(place, printable(path), value, "unknown setting", instead)


def _refuse_section(source: Source, section: str, value: Any, report: Report) -> None:
    """Report what stands at the top of a file and is no section."""
    place = source.place(section)
    if section in section_types():
        instead = f"write '[{section}]' and its settings on lines of their own"
        report.refuse(place, section, value, "is a section, not a setting", instead)
        return
    if not isinstance(value, dict):
        refuse_unknown(place, section, value, report)
        return
    close = closest_name(section.lower(), section_types())
    if close is None:
        inside = (meant(f"{section}.{name}") for name in value)
        close = next((path.partition(".")[0] for path in inside if path), None)
    report.refused.update(f"{close}.{name}" for name in value)
    known = ", ".join(f"[{name}]" for name in section_types())
    instead = f"did you mean '[{close}]'?" if close else f"the sections are {known}"
    report.refuse(place, f"[{printable(section)}]", ABSENT, "unknown section", instead)
