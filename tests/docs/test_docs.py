"""The documents hold: kept data to the journal's schema, commands to the command table, words to the screens."""

import re
from pathlib import Path

import pytest

from agent.cli.table import COMMANDS, GROUPS
from agent.journal.migrations import steps

DOCS = Path(__file__).parents[2] / "docs"
pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="only on a checkout: a copy beside a wheel has no documents")
PAGES = (
    "accueil.md",
    "gestion.md",
    "fiche-medecins.md",
    "donnees-gardees.md",
    "incident.md",
    "glossaire.md",
    "tutoriel.md",
)


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def rows(text: str) -> list[list[str]]:
    """Return the rows of all tables, without headings' rules."""
    found = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in found if not set(row[0].strip()) <= set("- ")]


def test_every_table_of_the_journal_is_explained() -> None:
    """What is kept, how long, who can read it: no table without its line, no line without its table."""
    made = {name for _, sql in steps() for name in re.findall(r"CREATE TABLE (\w+)\(", sql)}
    said = {row[0].strip("`") for row in rows(page("donnees-gardees.md")) if len(row) == 6} - {"où (table)"}
    assert said == made
    assert all(all(row) for row in rows(page("donnees-gardees.md")))


def test_a_boxed_column_is_said_to_be_boxed() -> None:
    """The schema's own remarks on what is encrypted are repeated to people."""
    sql = "".join(text for _, text in steps())
    boxed = set(re.findall(r"-- (?:patient:|body|value) \[box\][^\n]*\n(?:--[^\n]*\n)*CREATE TABLE (\w+)", sql))
    said = {row[0].strip("`"): " ".join(row) for row in rows(page("donnees-gardees.md"))}
    assert boxed == {"orders", "raw", "note"}
    assert [name for name in boxed if "coffré" not in said[name]] == []


@pytest.mark.parametrize("name", PAGES)
def test_every_command_named_in_a_page_exists(name: str) -> None:
    """A page never sends anybody to a command that is not there."""
    known = {one.words for one in COMMANDS} | {group.word for group in GROUPS}
    named = re.findall(r"`creneau ([a-z0-9]+(?: [a-z]+)?)", page(name)) + re.findall(
        r"^\$ creneau ([a-z0-9]+(?: [a-z]+)?)", page(name), re.MULTILINE
    )
    assert [words for words in named if words not in known and words.split()[0] not in known] == []


def test_the_doctors_page_is_one_page_in_each_language() -> None:
    """At most 45 lines a language, and the same questions in both."""
    french, english = page("fiche-medecins.md").split("\n---\n")
    assert all(len(half.splitlines()) <= 45 for half in (french, english))
    assert len(rows(french)) == len(rows(english)) == 11


def test_the_incident_template_has_the_eight_headings() -> None:
    """In both languages."""
    numbered = [row[0] for row in rows(page("incident.md")) if re.match(r"\d\.", row[0])]
    assert [name[0] for name in numbered] == list("12345678") * 2


def test_the_glossary_gives_both_languages_everything() -> None:
    """Four cells a word, no word twice."""
    words = rows(page("glossaire.md"))[1:]
    assert all(len(row) == 4 and all(row) for row in words)
    for column in (0, 1):
        assert len({row[column] for row in words}) == len(words)


@pytest.mark.parametrize("name", ["accueil.md", "gestion.md"])
def test_every_picture_of_a_page_is_there_and_used(name: str) -> None:
    """The five states of the front desk's page stand in the documents, each where it is spoken of."""
    shown = set(re.findall(r"\(images/([\w-]+\.png)\)", page(name)))
    assert shown
    assert [one for one in shown if not (DOCS / "images" / one).is_file()] == []
    both = page("accueil.md") + page("gestion.md")
    assert [one.name for one in (DOCS / "images").glob("accueil-*.png") if one.name not in both] == []
