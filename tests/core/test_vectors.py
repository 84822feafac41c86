"""The published test vectors, computed once by json and hashlib alone and once by our code."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from agent.core.changes import line, roots, wire
from agent.core.model import SiteId, SlotId
from agent.core.sharing import revive

FOLDER = Path(__file__).parents[2] / "docs" / "vectors"
FILES = sorted(FOLDER.glob("*.json"))
ORDER = [
    "id",
    "start",
    "end",
    "precision",
    "site",
    "confirmation",
    "practitioner",
    "bookable_from",
    "clientele",
    "reason",
    "redirect",
    "mode",
]
LEFT_OUT = {"id", "bookable_from"}


def read(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text(encoding="utf-8"))


def array(slot: dict[str, str], members: list[str]) -> str:
    return json.dumps([slot.get(member) for member in members], ensure_ascii=False, separators=(",", ":"))


def root(lines: list[str]) -> str:
    leaves = sorted(sha256(b"\x00" + text.encode()).digest() for text in lines)
    return sha256(b"\x01" + b"".join(leaves)).hexdigest()


def test_two_vectors_are_published() -> None:
    """The protocol promises two vectors; the tests below run on each."""
    assert [file.stem for file in FILES] == ["empty-site", "ordinary"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_vector_follows_from_the_page_alone(file: Path) -> None:
    """Whoever has only the protocol page, a JSON writer and SHA-256 gets the published lines and roots."""
    vector = read(file)
    lines = [array(slot, ORDER) for slot in vector["slots"]]
    assert lines == vector["lines"]
    assert [array(slot, [m for m in ORDER if m not in LEFT_OUT]) for slot in vector["slots"]] == vector["order_slots"]
    per_site = {
        site: root([text for slot, text in zip(vector["slots"], lines, strict=True) if slot["site"] == site])
        for site in vector["sites"]
    }
    assert per_site == vector["roots"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_our_code_gives_the_vector(file: Path) -> None:
    """Our lines, orders' slots, wire objects and roots are the published ones."""
    vector = read(file)
    view = {SlotId(slot["id"]): revive(slot) for slot in vector["slots"]}
    assert [line(shared, id_).decode() for id_, shared in view.items()] == vector["lines"]
    assert [line(shared, None).decode() for shared in view.values()] == vector["order_slots"]
    assert [wire(id_, shared) for id_, shared in view.items()] == vector["slots"]
    assert roots(view, frozenset(SiteId(site) for site in vector["sites"])) == vector["roots"]


def test_an_empty_site_has_the_root_of_one_byte() -> None:
    """The site without slots is listed with SHA-256(0x01)."""
    vector = read(FOLDER / "empty-site.json")
    assert vector["roots"]["blanc-sablon"] == sha256(b"\x01").hexdigest()
