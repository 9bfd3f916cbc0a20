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
    assert lines[("list", "y")] == 22


def test_a_key_inside_an_inline_table_stands_where_its_table_does():
    source = toml_source("\nrun = {name = 'x'}\n", "x.toml", Report())
    assert source.place("run", "name") == "x.toml:2"
    assert source.place("train", "seed") == "x.toml"


@given(whole_settings())
@hypothesis_settings(max_examples=100, deadline=None)
def test_the_line_of_every_key_begins_with_it(settings):
    text = to_toml(settings)
    written = text.split("\n")
    keys = {path: line for path, line in key_lines(text).items() if len(path) == 2}
    assert len(keys) == sum("=" in line for line in written if line[:1].isalpha())
    for (_, name), line in keys.items():
        assert written[line - 1].startswith(f"{name} = ")
