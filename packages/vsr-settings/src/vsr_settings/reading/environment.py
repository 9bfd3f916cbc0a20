"""What the environment says: `VSR_SECTION__NAME` variables, and torchrun's `WORLD_SIZE`."""

from collections.abc import Mapping

from vsr_files import printable
from vsr_settings.fields import Fact, facts
from vsr_settings.reading.merge import PREFIX, text_source
from vsr_settings.reading.source import Report, Source
from vsr_settings.reading.spelling import holder, meant_variable
from vsr_settings.writing import toml_value


def environment_source(environ: Mapping[str, str], report: Report) -> Source:
    """What every variable that begins with `VSR_` says, in either case."""
    by_variable = {fact.variable: fact for fact in facts().values()}
    said: list[tuple[Fact, str, str]] = []
    for name in sorted(name for name in environ if name.upper().startswith(PREFIX)):
        fact = by_variable.get(name.upper())
        if fact is not None:
            said.append((fact, environ[name], name))
        elif whole := holder(name):
            rule = f"is an entry of {whole.path}, which a variable sets as a whole"
            instead = f"set {whole.variable}='{toml_value(whole.example)}', say"
            report.refused.add(whole.path)
            report.refuse(printable(name), "", environ[name], rule, instead)
        else:
            close = meant_variable(name)
            if close:
                report.refused.add(by_variable[close].path)
            remedy = f"did you mean {close!r}?" if close else "unset it, or see 'docs/settings.md'"
            rule = "no setting has this variable"
            report.refuse(printable(name), "", environ[name], rule, remedy)
    return text_source(said, report, "unset one of the two", "unset it, or give it a value")


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
