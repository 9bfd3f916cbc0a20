"""Messages point at the line on which a key stands."""

import tomllib

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from strategies import settings as whole_settings

from vsr_settings import to_toml
from vsr_settings.reading.source import Report
from vsr_settings.reading.toml import key_lines, toml_source

AWKWARD = '''\
# a = 1
top = "[not.a.table]"   # b = 2

[ a . "b.c" ]
one = """
[fake]
two = 2 \\"""
"""
two = [
  1, # three = 3
  "]", ']',
  [2],
]
three.four = { five = 5, "six" = "}" }
'five' = \'\'\'
x = 1\'\'\'\'\'
"t\\u0061b\\n" = 7; "escaped key"

[[list]]
x = 1
[[list]]
y = 2
'''.replace('7; "escaped key"', "7")


def test_keys_are_found_among_strings_comments_and_brackets():
    content = tomllib.loads(AWKWARD)
    lines = key_lines(AWKWARD)
    place = ("a", "b.c")
    assert set(content["a"]["b.c"]) == {"one", "two", "three", "five", "tab\n"}
    assert lines[("top",)] == 2
    assert lines[place] == 4
    assert lines[(*place, "one")] == 5
    assert lines[(*place, "two")] == 9
    assert lines[(*place, "three", "four")] == 14
    assert lines[(*place, "five")] == 15
    assert lines[(*place, "tab\n")] == 17
    assert lines[("list",)] == 19
    assert lines[("list", "0", "x")] == 20
    assert lines[("list", "1", "y")] == 22


def test_a_key_inside_an_inline_table_stands_where_its_table_does():
    source = toml_source("\nrun = {name = 'x'}\n", "x.toml", Report())
    assert source.place("run", "name") == "x.toml:2"
    assert source.place("train", "seed") == "x.toml"


@given(whole_settings())
@hypothesis_settings(max_examples=100, deadline=None)
def test_the_line_of_every_key_begins_with_it(settings):
    text = to_toml(settings)
    written = text.split("\n")
    lines = key_lines(text)
    assert set(lines) == set(keys_of(tomllib.loads(text), ()))
    for keys, line in lines.items():
        row = written[line - 1]
        if keys[:2] == ("data", "train") and len(keys) > 2:
            assert row.startswith("    {")
            assert keys[-1].isdecimal() or f"{keys[-1]} = " in row
        else:
            assert row == f"[{'.'.join(keys)}]" or row.startswith(f"{keys[-1]} = ")


def keys_of(value: object, keys: tuple[str, ...]):
    """The keys of all that is in a table, and the numbers of tables in lists."""
    if isinstance(value, dict):
        for name, entry in value.items():
            yield (*keys, name)
            yield from keys_of(entry, (*keys, name))
    elif isinstance(value, list):
        for number, entry in enumerate(value):
            if isinstance(entry, dict):
                yield (*keys, str(number))
            yield from keys_of(entry, (*keys, str(number)))


def test_keys_in_braces_and_lists_of_tables_have_lines_of_their_own():
    text = """\
[data]
train = [
  {path = "a = [", weight = 2}, # {x = 1}
  {path = "b,",
   sub = {q = [1, {z = 2}]}},
]
[[a]]
[[a.b]]
c = 1
[[a.b]]
c = {d.e = 2}
[[a]]
[a.b.x]
"""
    lines = key_lines(text)
    assert lines[("data", "train")] == 2
    assert lines[("data", "train", "0", "weight")] == 3
    assert lines[("data", "train", "1")] == lines[("data", "train", "1", "path")] == 4
    assert lines[("data", "train", "1", "sub", "q", "1", "z")] == 5
    assert lines[("a", "0", "b", "0", "c")] == 9
    assert lines[("a", "0", "b", "1", "c", "d", "e")] == 11
    assert lines[("a", "1", "b", "x")] == 13
