"""However settings are damaged, the answer is settings or a `SettingsError`."""

import string

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from strategies import settings as whole_settings

from vsr_settings import SettingsError, load, loads, read, to_toml
from vsr_settings.fields import facts
from vsr_settings.importing import import_python
from vsr_settings.sources import UnreadableError

PATHS = st.sampled_from(list(facts()))
MANY = hypothesis_settings(max_examples=400, deadline=None)
JUNK = st.text(max_size=40) | st.sampled_from(
    ["", "nan", "-inf", "1e999", "-1", "0", "true", "[]", "{}", "'", '"""', "1_0", "0x10", "auto",
     "2024-01-01", "9" * 400, "0x" + "f" * 5000, "[" * 300,
     "\ud800", "\0", "~nobody/x", "~", "demo", "6.1", "a = 1", "[train]", "#"]
)  # fmt: skip


def refusal(function) -> SettingsError | None:
    """Why a call refuses settings, None where it gives them; anything else is raised."""
    try:
        function()
    except SettingsError as error:
        return error
    return None


def survives(function) -> None:
    """A call gives settings, or refuses them with problems that can be printed."""
    error = refusal(function)
    if error is not None:
        assert error.problems
        assert str(error).encode("utf-8")


@st.composite
def damaged_texts(draw) -> str:
    """A valid settings text with a few lines changed, dropped, doubled or moved."""
    lines = to_toml(draw(whole_settings())).splitlines()
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(["value", "name", "drop", "double", "cut", "junk"])):
            case "value":
                lines[at] = f"{lines[at].partition('=')[0]}= {draw(JUNK)}"
            case "name":
                lines[at] = draw(st.sampled_from(string.ascii_letters)) + lines[at]
            case "drop":
                del lines[at]
            case "double":
                lines.insert(at, lines[at])
            case "cut":
                lines[at] = lines[at][: draw(st.integers(0, len(lines[at])))]
            case _:
                lines[at] = draw(JUNK)
        lines = lines or [""]
    return "\n".join(lines)


@given(damaged_texts())
@MANY
def test_a_damaged_file_raises_nothing_else(text):
    survives(lambda: loads(text))


@given(
    st.dictionaries(PATHS.map(lambda path: facts()[path].variable), JUNK, max_size=5),
    st.lists(st.tuples(PATHS, JUNK).map("=".join) | JUNK, max_size=5),
)
@MANY
def test_damaged_variables_and_options_raise_nothing_else(environ, overrides):
    survives(lambda: load(overrides=overrides, environ=environ))


@given(st.dictionaries(JUNK.map("VSR_{}".format), JUNK, max_size=5))
@MANY
def test_no_variable_that_begins_like_ours_is_ignored(environ):
    known = {fact.variable for fact in facts().values()}
    unknown = [name for name in environ if name.upper() not in known]
    error = refusal(lambda: load(environ=environ))
    assert len(error.problems if error else ()) >= len(unknown)


@given(st.binary(max_size=200))
@hypothesis_settings(max_examples=200, deadline=None)
def test_a_file_of_any_bytes_raises_nothing_else(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("bytes") / "x.toml"
    path.write_bytes(content)
    survives(lambda: read(path, environ={}).settings)


@given(
    st.lists(
        st.tuples(
            PATHS.map(lambda path: path.partition(".")[2].upper()) | st.just("LR"),
            JUNK | st.integers().map(str) | st.sampled_from(["10**400", "-(2)", "1/0", "f()"]),
        ).map(" = ".join),
        max_size=8,
    ).map("\n".join)
)
@MANY
def test_whatever_an_old_configuration_holds_what_is_imported_loads(text):
    try:
        imported = import_python(text)
    except UnreadableError:
        return
    loads(imported.toml())
