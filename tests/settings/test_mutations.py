"""However settings are damaged, the answer is settings or a `SettingsError`."""

import string
from pathlib import Path

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from vsr_settings import Data, Settings, SettingsError, Source, load, loads, read, to_toml
from vsr_settings.commands.importing import import_python
from vsr_settings.degradation import NAMED
from vsr_settings.fields import facts
from vsr_settings.hardware.presets import PRESETS
from vsr_settings.reading import UnreadableError

CONFIGS = Path(__file__).parents[2] / "configs"
TABLES = [
    to_toml(Settings(data=Data(degradation=pipeline, train=(Source(path="a"), Source(path="b")))))
    for pipeline in NAMED.values()
]
VALID = [to_toml(load(overrides=[f"hardware.preset={name}"], environ={})) for name in PRESETS] + [
    path.read_text(encoding="utf-8") for path in sorted(CONFIGS.glob("*.toml"))
]
WHOLE = st.sampled_from(["data.train", "data.degradation"])
PATHS = st.sampled_from(list(facts()))
MANY = hypothesis_settings(max_examples=400, deadline=None)
JUNK = st.text(max_size=40) | st.sampled_from(
    ["", "nan", "-inf", "1e999", "-1", "0", "true", "[]", "{}", "'", '"""', "1_0", "0x10", "auto",
     "2024-01-01", "9" * 400, "0x" + "f" * 5000, "[" * 300,
     "{a = 1}", "[[]]", "[{}]", "{kind = 'h264'}", "{codec = {kind = []}}", "{blur = {sigma = {}}}",
     "[{path = 'a', weight = []}, 3]", "{codec.kind = 'vp9', codec.crf = [3, 2, 1]}", "{'' = ''}",
     "{noise = {kind = 'sensor', read = [nan, inf], photons = 1}}", "{kind = {kind = {}}}",
     "\ud800", "\0", "~nobody/x", "~", "demo", "6.1", "a = 1", "[train]", "#"]
)  # fmt: skip


PYDANTIC = (
    "Input should",
    "Field required",
    "Extra inputs",
    "Value error",
    "discriminator",
    "tagged-union",
    "valid tuple",
    "valid dictionary",
)


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
def damaged_texts(draw, texts=VALID + TABLES) -> str:
    """A valid settings text with a few lines changed, dropped, doubled or moved."""
    lines = draw(st.sampled_from(texts)).splitlines()
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
@hypothesis_settings(max_examples=1000, deadline=None)
def test_a_damaged_file_raises_nothing_else(text):
    survives(lambda: loads(text))


@given(damaged_texts(TABLES))
@MANY
def test_whatever_is_wrong_in_tables_is_said_in_our_words(text):
    error = refusal(lambda: loads(text))
    for theirs in PYDANTIC:
        assert theirs not in str(error or "")


@given(
    st.dictionaries(PATHS.map(lambda path: facts()[path].variable), JUNK, max_size=5),
    st.lists(st.tuples(PATHS | WHOLE, JUNK).map("=".join) | JUNK, max_size=5),
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
