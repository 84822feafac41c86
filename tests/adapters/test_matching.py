"""Whose appointment is it: one certain person or none."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sql.matching import Known, born, letters, match, plain, tailed, told
from agent.core.model import BookingId, Patient

BORN = date(1980, 2, 3)
ZOE = Patient(
    BookingId("b"), 1, "Néron-Côté", "Zoé", BORN, "NERZ80520312", "418 555-0177", "z@example.org", "F", "béquilles"
)


def known(number: str = "7", day: date | None = BORN, family: str = "NERON COTE", given: str = "zoe") -> Known:
    return Known(number, day, family, given)


@pytest.mark.parametrize(
    ("by_card", "by_birth", "due"),
    [
        ([known(family="X")], [], "7"),
        ([known(day=date(1980, 2, 4))], [], None),
        ([known(day=None)], [], None),
        ([known("7"), known("8")], [], None),
        ([known("7"), known("7")], [], "7"),
        ([known("7")], [known("8")], "7"),
        ([], [known()], "7"),
        ([], [known(), known("8")], None),
        ([], [known(family="NERON")], None),
        ([], [known(given="Zoée")], None),
        ([], [known(day=date(1981, 2, 3))], None),
        ([known("9", date(1999, 1, 1))], [known()], "7"),
        ([], [], None),
    ],
)
def test_card_and_birth_date_else_names_and_birth_date(
    by_card: list[Known], by_birth: list[Known], due: str | None
) -> None:
    """A card goes before names; a wrong birth date beside it makes it nobody's; two are nobody."""
    assert match(ZOE, by_card, by_birth) == due


def test_without_a_birth_date_nobody_is_meant() -> None:
    """Neither card nor name is enough alone."""
    assert match(replace(ZOE, born=None), [known()], [known()]) is None


@given(
    st.lists(st.builds(known, st.sampled_from("789")), max_size=4),
    st.lists(st.builds(known, st.sampled_from("789")), max_size=4),
)
def test_whoever_is_found_was_among_those_who_could_be(by_card: list[Known], by_birth: list[Known]) -> None:
    """Never a number that was not read."""
    found = match(ZOE, by_card, by_birth)
    assert found is None or found in {each.number for each in (*by_card, *by_birth)}


@pytest.mark.parametrize(
    ("parts", "due"),
    [
        (("1980", "02", "03"), BORN),
        ((1980, 2, 3), BORN),
        (("1980 ", " 2", "3"), BORN),
        (("1980", "13", "03"), None),
        (("", "", ""), None),
        ((None, None, None), None),
        (("1980", "ab", "03"), None),
    ],
)
def test_a_birth_date_in_three_columns(parts: tuple[object, object, object], due: date | None) -> None:
    """Texts or numbers, padded or not; no day of a calendar is no birth date."""
    assert born(*parts) == due


def test_names_compare_as_people_do() -> None:
    """No accents, case, hyphens, blanks or apostrophes."""
    assert letters("D'Amours-Œuvré") == letters("DAMOURS ŒUVRE")
    assert letters("") == ""


def test_texts_are_one_line_that_the_column_can_hold() -> None:
    """Control characters become blanks; what utf8mb3 cannot hold goes, unless the column can."""
    assert plain("a\r\n\tb\x00 😀 é") == "a b é"
    assert plain("a 😀", beyond=True) == "a 😀"


def test_the_desk_reads_how_to_reach_somebody_unknown() -> None:
    """Of a patient of the clinic only the label and the note: the rest is in the file."""
    assert told("En ligne", ZOE, matched=True) == "En ligne - béquilles"
    assert told("En ligne", ZOE, matched=False) == "En ligne - 418 555-0177 - z@example.org - béquilles"
    assert told("", replace(ZOE, note=""), matched=True) == ""


@given(st.text(max_size=300), st.text("abc:!-", min_size=1, max_size=80))
def test_a_token_is_never_cut(text: str, token: str) -> None:
    """The words before it make room."""
    found = tailed(text, token, 120)
    assert len(found) <= 120
    assert found.endswith(f" [{token}]")
    assert tailed(text, "", 120) == text[:120]
