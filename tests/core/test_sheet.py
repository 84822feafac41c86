"""Files people write by hand: every fault at its line, all at once."""

import pytest

from agent.core.sheet import Faults, Key, Sheet, parse, text, word

TEXT = """[here]
name = ""
colour = "grey"
colur = "red"

[[many]]
name = "ok"
"""
KEYS = (Key("name", text(1)), Key("colour", word("red", "blue"), "red"), Key("size", text(1)))


def test_every_fault_comes_at_once_with_its_line() -> None:
    """Empty, unknown word, unknown key and a missing one: four faults, in the order of the lines."""
    document = parse(TEXT, "x.toml")
    sheet = Sheet({}, document)
    sheet.table(sheet.get("here"), ("here",), KEYS)
    with pytest.raises(Faults) as error:
        sheet.end()
    seen = [(one.line, one.key) for one in error.value.faults]
    assert sorted(seen) == [(1, "here.size"), (2, "here.name"), (3, "here.colour"), (4, "here.colur")]
    assert error.value.line == 1


def test_a_section_that_is_not_there_is_read_as_empty() -> None:
    """Defaults come, and what is compulsory is a fault of its own."""
    sheet = Sheet({}, parse("", "x.toml"))
    assert sheet.table(sheet.get("here"), ("here",), KEYS)["colour"] == "red"
    assert [one.key for one in sheet.faults] == ["here.name", "here.size"]
