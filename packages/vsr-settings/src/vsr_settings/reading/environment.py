"""What the environment says: `VSR_SECTION__NAME` variables, and torchrun's `WORLD_SIZE`."""

from collections.abc import Mapping

from vsr_settings.fields import facts
from vsr_settings.paths import printable
from vsr_settings.reading.merge import PREFIX, nested
from vsr_settings.reading.source import Report, Source
from vsr_settings.reading.spelling import meant_variable


def environment_source(environ: Mapping[str, str], report: Report) -> Source:
    """What every variable that begins with `VSR_` says, in either case."""
    by_variable = {fact.variable: fact for fact in facts().values()}
    named: dict[str, str] = {}
    given: dict[str, str] = {}
    for name in sorted(name for name in environ if name.upper().startswith(PREFIX)):
        variable, text = name.upper(), environ[name]
        fact = by_variable.get(variable)
        if fact is None:
            _refuse_unknown(name, text, report)
        elif variable in named:
            rule = f"is also set by {named[variable]!r}"
            report.refuse(name, fact.path, text, rule, "unset one of the two")
        elif not text.strip():
            rule = f"must be {fact.allowed}"
            report.refuse(name, fact.path, text, rule, "unset it, or give it a value")
        else:
            given[variable] = text
        named.setdefault(variable, name)
    places = {by_variable[each].keys: named[each] for each in given}
    return Source(nested(given), places)


def world_size_of(environ: Mapping[str, str], report: Report) -> int | None:
    """The number of processes torchrun says there are, None where it says nothing."""
    text = environ.get("WORLD_SIZE", "").strip()
    if not text:
        return None
    fact = facts()["train.world_size"]
    number = fact.parse(text)
    if not isinstance(number, int) or not 1 <= number <= 4096:
        rule = "must be the number of processes, an integer from 1 to 4096"
        report.refuse("WORLD_SIZE", fact.path, text, rule, "unset it, or start with torchrun")
        return None
    return number


def _refuse_unknown(name: str, text: str, report: Report) -> None:
    close = meant_variable(name)
    if close:
        section, _, setting = close.removeprefix(PREFIX).lower().partition("__")
        report.refused.add(f"{section}.{setting}")
    remedy = f"did you mean {close!r}?" if close else "unset it, or see 'docs/settings.md'"
    report.refuse(printable(name), "", text, "no setting has this variable", remedy)
