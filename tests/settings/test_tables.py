"""Settings that are tables: written in any source, refused entry by entry, stored and shown."""

import json
import re
import tomllib
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from strategies import data_sections, pipelines

from vsr_settings import (
    Pipeline,
    Settings,
    SettingsError,
    Source,
    load,
    loads,
    pipeline_of,
    read,
    to_toml,
)
from vsr_settings.__main__ import main
from vsr_settings.commands.reference import json_schema, reference_page
from vsr_settings.degradation import H264, NAMED, DegradationName, Mpeg2
from vsr_settings.fields import Fact, facts, table_facts
from vsr_settings.writing import plain, toml_value

FEW = hypothesis_settings(max_examples=30, deadline=None)
CODEC = '{codec = {kind = "h264", crf = [20, 30]}}'
WRONG_VALUES = st.sampled_from([-1, 10**9, True, "x", [], [3, 2, 1], [-1, 5], {"a": 1}, ""])


def problems_of(text: str):
    with pytest.raises(SettingsError) as refusal:
        loads(text, "x.toml")
    return refusal.value.problems


def entries(fact: Fact, keys: tuple[str, ...] = ()):
    """Every entry of a setting's tables, with the tables around it, one kind of each at a time."""
    for table in fact.tables.tables:
        for inner in table_facts(table, ""):
            yield (*keys, inner.name), table, inner
            if inner.tables:
                yield from entries(inner, (*keys, inner.name))


DEGRADATION = list(entries(facts()["data.degradation"]))


# ---- the same from every source


@given(pipelines())
@FEW
def test_a_pipeline_is_the_same_in_a_file_a_variable_an_option_and_sub_tables(pipeline):
    text = toml_value(pipeline)
    settings = loads(f"[data]\ndegradation = {text}\n")
    assert settings.data.degradation == pipeline
    assert load(environ={"VSR_DATA__DEGRADATION": text}) == settings
    assert load(overrides=[f"data.degradation={text}"], environ={}) == settings
    assert loads(to_toml(settings)) == settings


@given(data_sections())
@FEW
def test_sources_are_the_same_in_a_list_and_in_tables_with_double_brackets(data):
    sources = data.sources("train")
    rows = [plain(source) for source in sources]
    lists = [
        "\n".join(["[[data.train]]", *(f"{name} = {toml_value(it)}" for name, it in row.items())])
        for row in rows
    ]
    from_tables = loads("\n".join(lists))
    assert from_tables.data.train == sources
    assert load(overrides=[f"data.train={toml_value(rows)}"], environ={}) == from_tables


def test_a_source_gives_the_whole_of_a_setting_and_adds_nothing_to_another(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text(
        "[data.degradation]\nchroma = '420'\n"
        "[data.degradation.codec]\nkind = 'h264'\nspeed = 'medium'\n"
        "[[data.train]]\npath = 'a'\n[[data.train]]\npath = 'b'\n"
    )
    environ = {"VSR_DATA__DEGRADATION": "{codec = {kind = 'mpeg2'}}"}
    found = read(path, ["data.train=[{path = 'c'}]"], environ)
    assert found.settings.data.degradation == Pipeline(codec=Mpeg2(kind="mpeg2"))
    assert found.settings.data.train == (Source(path="c"),)
    assert found.sources["data.degradation"] == "VSR_DATA__DEGRADATION"
    named = read(path, ["data.degradation=dvd", "data.train=demo"], environ).settings.data
    assert (named.degradation, named.train) == ("dvd", "demo")


def test_one_number_is_both_ends_of_a_range():
    codec = loads("[data.degradation.codec]\nkind = 'h264'\ncrf = 23\n").data.degradation.codec
    assert codec == H264(kind="h264", crf=(23, 23))
    assert toml_value(codec).startswith('{kind = "h264", gop = [12, 250], share = 1.0, crf = 23,')


def test_a_role_has_its_sources():
    settings = load(overrides=["data.train=a", "data.train_frames=:64"], environ={})
    assert settings.data.sources("train") == (Source(path="a", frames=":64"),)
    assert settings.data.sources("val") == (Source(path="data/val"),)
    several = load(overrides=["data.train=[{path='a', weight=2}, {path='b'}]"], environ={})
    weights = [source.weight for source in several.data.sources("train")]
    assert weights == [2.0, 1.0]


def test_every_name_of_a_degradation_stands_for_a_pipeline():
    assert set(NAMED) == set(get_args(DegradationName))
    for name, pipeline in NAMED.items():
        assert pipeline_of(name) is pipeline
        assert pipeline_of(pipeline) is pipeline
        stored = loads(to_toml(Settings().model_copy(update={"data": data_with(pipeline)})))
        assert stored.data.degradation == pipeline


def data_with(pipeline: Pipeline):
    return Settings().data.model_copy(update={"degradation": pipeline})


def test_settings_stored_before_there_were_tables_load_with_defaults():
    old = re.sub(r"(?m)^(cuts|interlaced|hdr|bars|windows|degradation) = .*\n", "", to_toml(load()))
    assert "degradation" not in old
    assert loads(old) == load(environ={})


# ---- refusals


@given(st.sampled_from(DEGRADATION), WRONG_VALUES)
@hypothesis_settings(max_examples=150, deadline=None)
def test_a_wrong_entry_is_refused_at_its_line_by_its_path_in_words_with_a_remedy(entry, value):
    keys, table, fact = entry
    text, line = written_out(keys, table, value)
    try:
        loads(text)
    except SettingsError as error:
        problems = error.problems
    else:
        return  # it is no wrong value there
    path = "data.degradation." + ".".join(keys)
    for problem in problems:
        assert problem.path.startswith(path)
        assert problem.source == f"stored settings:{line}"
        assert problem.remedy
    if problems[0].path == path and fact.name != "kind":
        assert problems[0].rule == f"must be {fact.allowed}"
        suggested = re.match(
            r"(?:write|for example) (\w+ = .*?)(, the default)?$", problems[0].remedy
        )
        if suggested:
            mended = tomllib.loads(suggested[1])[fact.name]
            assert loads(written_out(keys, table, mended)[0])


def written_out(keys, table, value) -> tuple[str, int]:
    """A file with one entry written, in tables that have what they need, and the entry's line."""
    *around, name = keys
    needed = {
        fact.name: fact.choices[0] if fact.choices else fact.example
        for fact in table_facts(table, "")
        if fact.required and fact.name != name
    }
    lines = [f"[{'.'.join(['data', 'degradation', *around])}]"]
    lines += [f"{it} = {toml_value(usual)}" for it, usual in needed.items()]
    return "\n".join([*lines, f"{name} = {toml_value(value)}"]), len(lines) + 1


def test_everything_wrong_in_tables_is_in_one_report():
    problems = problems_of("""\
[data]
train = [
  {path = "a", weight = 2},
  {path = "b", weigth = 3},
  {weight = 0},
  "c",
]
[data.degradation]
crf = 3
take = 7
blur = "gaussian"
[data.degradation.codec]
kind = "x264"
quantiser = 3
[data.degradation.noise]
kind = "gaussian"
[train]
seed = -1
""")
    found = {(int(problem.source.rpartition(":")[2]), problem.path) for problem in problems}
    assert found == {
        (4, "data.train[1].weigth"),
        (5, "data.train[2].path"),
        (5, "data.train[2].weight"),
        (2, "data.train[3]"),
        (9, "data.degradation.crf"),
        (10, "data.degradation.take"),
        (11, "data.degradation.blur"),
        (13, "data.degradation.codec.kind"),
        (14, "data.degradation.codec.quantiser"),
        (15, "data.degradation.noise.sigma"),
        (18, "train.seed"),
    }


@pytest.mark.parametrize(("_keys", "table", "_fact"), DEGRADATION, ids=lambda it: str(it)[:40])
def test_a_misspelt_entry_is_guessed_at_every_depth(_keys, table, _fact):
    *around, name = _keys
    text, line = written_out((*around, f"{name}x"), table, 1)
    unknown = [it for it in problems_of(text) if it.rule == "unknown setting"]
    (problem,) = unknown
    assert problem.source == f"x.toml:{line}"
    path = ".".join(["data", "degradation", *around, name])
    assert problem.remedy == f"did you mean {path!r}?"


@pytest.mark.parametrize("name", ["data.degradation", "data.train"])
def test_text_that_begins_like_a_table_and_is_none_is_refused(name):
    with pytest.raises(SettingsError, match="is not a TOML value: ") as refusal:
        load(overrides=[f"{name}=[{{path = 1"], environ={})
    (problem,) = refusal.value.problems
    example = problem.remedy.removeprefix("for example ").partition(", or './")[0]
    assert load(overrides=[f"{name}={example}"], environ={})


@pytest.mark.parametrize(
    "variable",
    ["VSR_DATA__DEGRADATION__CODEC__CRF", "vsr_data__train__0__path", "VSR_DATA__DEGRADATION__X"],
)
def test_a_variable_that_reaches_into_a_table_is_told_to_set_the_whole(variable):
    with pytest.raises(SettingsError, match="sets as a whole") as refusal:
        load(environ={variable: "3"})
    (problem,) = refusal.value.problems
    assert problem.source == variable
    name, value = re.fullmatch(r"set (\w+)='(.*)', say", problem.remedy).groups()
    assert load(environ={name: value})


@pytest.mark.parametrize("path", ["data.degradation.codec.crf", "data.train[0].path"])
def test_an_option_that_reaches_into_a_table_is_told_to_set_the_whole(path):
    with pytest.raises(SettingsError, match="sets as a whole") as refusal:
        load(overrides=[f"{path}=3"], environ={})
    (problem,) = refusal.value.problems
    name, value = re.fullmatch(r"write --set ([a-z.]+)='(.*)', say", problem.remedy).groups()
    assert load(overrides=[f"{name}={value}"], environ={})


# ---- shown


def test_explain_shows_every_entry_with_its_source(tmp_path, capsys):
    path = tmp_path / "x.toml"
    path.write_text("[[data.train]]\npath = 'a'\n[data.degradation.codec]\nkind = 'vp9'\ncrf = 9\n")
    assert main(["explain", str(path)]) == 0
    page = " ".join(capsys.readouterr().out.split())
    assert f'train a list of 1: {path}:1 [0].path "a" {path}:1 [0].weight 1.0 default' in page
    assert f"degradation a table: {path}:3 .blur - default" in page
    assert f'.codec.kind "vp9" {path}:3' in page
    assert f".codec.crf 9 {path}:3" in page
    assert ".codec.share 1.0 default" in page


def test_explain_says_what_a_name_stands_for(capsys):
    assert main(["explain", "--set", "data.degradation=phone"]) == 0
    page = " ".join(capsys.readouterr().out.split())
    assert ".codec.crf [20, 30] what 'phone' stands for" in page
    assert main(["explain", "--set", "data.degradation=phone", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["settings"]["data"]["degradation"] == "phone"
    assert shown["degradation"] == NAMED["phone"].model_dump(mode="json")


def test_explain_in_json_holds_tables(capsys):
    assert main(["explain", "--set", f"data.degradation={CODEC}", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["settings"]["data"]["degradation"]
    assert Pipeline.model_validate(shown) == Pipeline(codec=H264(kind="h264", crf=(20, 30)))


def test_every_entry_is_in_the_reference_with_range_and_doc():
    page = reference_page()
    for _, _, fact in DEGRADATION + list(entries(facts()["data.train"])):
        assert fact.doc.endswith("."), fact.name
        assert fact.name == "kind" or f"| `{fact.name}` | {fact.allowed} |" in page
    for name in NAMED:
        assert f"- `{name}`: `{{" in page


def test_the_schema_for_editors_knows_tables():
    schema = json.loads(json_schema())["$defs"]
    train, degradation = (schema["Data"]["properties"][it] for it in ("train", "degradation"))
    assert train["anyOf"][1] == {
        "type": "array",
        "items": {"$ref": "#/$defs/Source"},
        "minItems": 1,
    }
    assert degradation["anyOf"][1] == {"$ref": "#/$defs/Pipeline"}
    assert schema["Pipeline"]["properties"]["codec"]["discriminator"]["propertyName"] == "kind"
    one, pair = schema["H264"]["properties"]["crf"]["anyOf"]
    assert one == {"type": "integer", "minimum": 0, "maximum": 51}
    assert (pair["minItems"], pair["maxItems"], pair["prefixItems"]) == (2, 2, [one, one])
