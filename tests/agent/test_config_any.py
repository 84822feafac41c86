"""Whatever stands in a configuration file, the answer is a plan or faults, at the right lines."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.config import Fault, Faults, read_plan
from agent.core.sheet import index, parse
from tests.agent.config_scene import ENTRIES, EXAMPLE, write


def test_lines_are_found_in_every_shape_of_toml() -> None:
    """The index is right for dotted keys, quoted keys, long strings, nested arrays and inline tables."""
    text = '''a.b = 1 # [x]
"c.d" = { e = "}#", f = ["]", 2] }
g = """
# no remark
""" # remark
h = [
  1, # one

  [2,
   3],
]
[i."j k"]
l = 'x\\'
[[m]]
[[m]]
n = 2026-11-16 08:00:00
[m.o]
p = """""q"""""
[[m.r]]
s = -0.5e3
'''
    found = index(text)
    parse(text, "f")
    assert found.lines == {
        ("a",): 1,
        ("a", "b"): 1,
        ("c.d",): 2,
        ("c.d", "e"): 2,
        ("c.d", "f"): 2,
        ("c.d", "f", 0): 2,
        ("c.d", "f", 1): 2,
        ("g",): 3,
        ("h",): 6,
        ("h", 0): 7,
        ("h", 1): 9,
        ("h", 1, 0): 9,
        ("h", 1, 1): 10,
        ("i",): 12,
        ("i", "j k"): 12,
        ("i", "j k", "l"): 13,
        ("m",): 14,
        ("m", 0): 14,
        ("m", 1): 15,
        ("m", 1, "n"): 16,
        ("m", 1, "o"): 17,
        ("m", 1, "o", "p"): 18,
        ("m", 1, "r"): 19,
        ("m", 1, "r", 0): 19,
        ("m", 1, "r", 0, "s"): 20,
    }
    assert [(one.first, one.last) for one in found.statements][2:4] == [(3, 5), (6, 11)]
    assert found.line(("h", 7)) == 6
    assert found.line(("z",)) == 0


PIECES = st.sampled_from(
    [
        *(line + "\n" for line in EXAMPLE.split("\n")),
        "= ",
        '"',
        "'",
        "[",
        "]",
        "{",
        "}",
        "\n",
        "\\",
        "#",
        "”",
        "1,5",
        "é",
    ]
)


@settings(max_examples=100, deadline=None)
@given(st.one_of(st.binary(max_size=400), st.lists(PIECES, max_size=40).map(lambda parts: "".join(parts).encode())))
def test_any_bytes_are_a_plan_or_faults(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    """Whatever stands in the file, the answer is a plan or faults, never another exception."""
    file = write(tmp_path_factory.getbasetemp(), raw, "any.toml")
    try:
        read_plan(file, ENTRIES)
    except Faults as wrong:
        said = [fault.says.id for fault in wrong.faults if fault.file]
    else:
        said = ["a plan"]
    assert said
    assert all(said)


VALUES = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.text(st.characters(exclude_characters="\\\"'", exclude_categories=["C"]), max_size=8),
        st.sampled_from(["1979-05-27", "07:32:00", "nan", '"*"', '"24:00"', '"999999d"', '"https://[x"', '"é\\u0000"']),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("ab"), inner, max_size=2)),
    max_leaves=5,
)


def toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key} = {toml(inner)}' for key, inner in value.items())}}}"
    raw = str(value)
    literal = isinstance(value, int) or (raw[:1] in {'"', "1", "0", "n"} and len(raw) > 2)
    return raw if literal else f'"{raw}"'


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_value_in_any_key_is_a_plan_or_faults(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """A value of any type in any key never ends in another exception, and other lines keep their numbers."""
    lines = EXAMPLE.split("\n")
    places = [
        number for number, line in enumerate(lines) if "=" in line and not line.startswith("# ") and "://" not in line
    ]
    for number in data.draw(st.lists(st.sampled_from(places), min_size=1, max_size=3)):
        key = lines[number].lstrip("# ").split("=")[0].strip()
        lines[number] = f"{key} = {toml(data.draw(VALUES))}"
    file = write(tmp_path_factory.getbasetemp(), "\n".join(lines), "value.toml")
    found: tuple[Fault, ...] = ()
    try:
        read_plan(file, ENTRIES)
    except Faults as wrong:
        found = wrong.faults
    assert all(0 < fault.line <= len(lines) for fault in found)
