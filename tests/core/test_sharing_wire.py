"""Only one file makes a SharedSlot, and it reads back strictly what it wrote."""

import ast
from pathlib import Path
from typing import Any

import pytest

import agent
from agent.core.changes import line, wire
from agent.core.model import SlotId
from agent.core.sharing import VOCABULARY, revive

ROOT = Path(agent.__file__).parents[1]  # the code under test, a checkout or an installed wheel
MAKER = ROOT / "agent" / "core" / "sharing.py"
GOOD = {
    "id": "q1oG0T2nJr7Zc4yB9mLxWA",
    "start": "2026-11-24T09:00:00-05:00",
    "end": "2026-11-24T09:20:00-05:00",
    "precision": "exact",
    "site": "principal",
    "confirmation": "request",
    "practitioner": "Dre A. Gagnon",
    "bookable_from": "2026-11-23T08:00:00-05:00",
    "clientele": "anyone",
    "reason": "urgent",
    "redirect": "811",
    "mode": "on-site",
}


def made(source: str) -> list[int]:
    """Return the lines where the class is called, or handed to something that could call it."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id="isinstance")):
                continue
            case ast.Call(func=func, args=args):
                suspects = [func, *args]
            case ast.Assign(value=value):
                suspects = [value]
            case _:
                continue
        for suspect in suspects:
            name = suspect.id if isinstance(suspect, ast.Name) else getattr(suspect, "attr", "")
            if name == "SharedSlot":
                found.append(node.lineno)
    return found


def test_only_sharing_makes_a_shared_slot() -> None:
    """No other file of agent, adapters or hub calls the class, renames it or hands it on."""
    files = [file for part in ("agent", "adapters", "hub") for file in (ROOT / part).rglob("*.py")]
    makers = {file for file in files if made(file.read_text(encoding="utf-8"))}
    assert makers == {MAKER}


@pytest.mark.parametrize(
    "source",
    [
        "x = SharedSlot(1)",
        "x = sharing.SharedSlot(1)",
        "make = SharedSlot",
        "map(SharedSlot, rows)",
        "new(s.SharedSlot)",
    ],
)
def test_the_search_finds_every_disguise(source: str) -> None:
    """The test above would see a call, an attribute, another name and a class handed on."""
    assert made(source) == [1]
    assert made("def f(x: SharedSlot) -> bool: return isinstance(x, SharedSlot)") == []


def test_what_travels_comes_back_the_same() -> None:
    """The wire object revived gives the same line and the same wire object."""
    shared = revive(GOOD)
    assert wire(SlotId(GOOD["id"]), shared) == GOOD
    assert line(revive(wire(SlotId("x"), shared)), None) == line(shared, None)


@pytest.mark.parametrize("name", ["practitioner", "redirect"])
def test_absent_and_null_are_the_same(name: str) -> None:
    """An optional member may be left out or null; the line says null."""
    without = {member: value for member, value in GOOD.items() if member != name}
    assert revive(without) == revive(GOOD | {name: None})
    assert b",null," in line(revive(without), None)


@pytest.mark.parametrize("name", sorted(GOOD.keys() - {"id", "practitioner", "redirect"}))
@pytest.mark.parametrize("bad", [None, "", 3, ["exact"], {}, True, "Exact", "\ud800"])
def test_a_missing_or_wrong_member_is_refused(name: str, bad: Any) -> None:
    """Every compulsory member must be there, be text and be a word or a time of the protocol."""
    free_text = name == "site" and bad == "Exact"
    if free_text:
        assert revive(GOOD | {name: bad}).site == bad
        return
    with pytest.raises(ValueError, match=f"^{name}: not"):
        revive(GOOD | {name: bad})
    if bad is None:
        with pytest.raises(ValueError, match=name):
            revive({member: value for member, value in GOOD.items() if member != name})


@pytest.mark.parametrize("name", sorted(VOCABULARY))
def test_every_word_of_the_vocabulary_is_read(name: str) -> None:
    """Each word of the protocol is accepted, and no word of another member is."""
    for word in VOCABULARY[name]:
        assert getattr(revive(GOOD | {name: word}), name) == word
    with pytest.raises(ValueError, match=name):
        revive(GOOD | {name: "tomorrow"})


@pytest.mark.parametrize(
    "time",
    [
        "2026-11-24T09:00:00",
        "2026-11-24T09:00:00.00000",
        "2026-11-24T09:00:00Z",
        "2026-11-24 09:00:00-05:00",
        "2026-11-24T09:00-05:00",
        "2026-11-24T09:00:00.5-05:00",
        "2026-11-24T09:00:00-0500",
        "2026-11-24T09:00:00-05:00:30",
        "2026-11-24T09:00:00-00:00",
        "2026-W48-2T09:00:00-05:00",
        "0001-01-01T00:00:00+14:00",
        "2026-02-30T09:00:00-05:00",
        "tomorrow",
    ],
)
def test_a_time_is_written_in_one_way_only(time: str) -> None:
    """Any other way to write a time would come back as other bytes, and the roots would differ."""
    with pytest.raises(ValueError, match=r"^bookable_from: not"):
        revive(GOOD | {"bookable_from": time})


@pytest.mark.parametrize("end", ["2026-11-24T09:00:00-05:00", "2026-11-24T10:10:00-03:00"])
def test_an_end_is_after_its_start(end: str) -> None:
    """Instants are compared, not the hands of the clock."""
    with pytest.raises(ValueError, match="end"):
        revive(GOOD | {"end": end})


@pytest.mark.parametrize("extra", [{"busy": "no"}, {"key": "9"}, {"ID": "x"}])
def test_an_unknown_member_is_refused(extra: dict[str, str]) -> None:
    """What the protocol does not name cannot enter, whatever it is."""
    with pytest.raises(ValueError, match="unknown"):
        revive(GOOD | extra)


@pytest.mark.parametrize("thing", [None, 5, "slot", ["slot"], [("id", "x")]])
def test_only_an_object_is_a_slot(thing: Any) -> None:
    """Whatever JSON a peer sends, the answer is a ValueError."""
    with pytest.raises(ValueError, match="object"):
        revive(thing)
