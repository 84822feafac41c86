"""With exactly the rights `emr grants` prints, everything works and no clinical table can be reached."""

from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from adapters.conformance.bench import MINE, TURN, at, books
from adapters.conformance.bench import cancel as give_up
from adapters.sql import private, private_postgres
from adapters.sql.mapped.bench import DOING, MappedBench
from adapters.sql.session import Session
from agent.core.booking import Op, Outcome, Write
from agent.core.errors import Misconfigured
from agent.core.model import Patient

CLINICAL = {"gnuhealth": "gnuhealth_patient_disease", "hours": "encounters"}
REACHED = {
    "gnuhealth": "SELECT DISTINCT table_name FROM information_schema.column_privileges WHERE grantee = 'creneau'",
    "hours": """SELECT table_name FROM information_schema.table_privileges WHERE grantee LIKE '''creneau''@%' AND table_schema = 'hours'
UNION SELECT table_name FROM information_schema.column_privileges WHERE grantee LIKE '''creneau''@%' AND table_schema = 'hours'""",
}
PATIENTS = {
    "gnuhealth": "SELECT column_name FROM information_schema.column_privileges WHERE grantee = 'creneau' AND table_name = 'party_party'",
    "hours": "SELECT column_name FROM information_schema.column_privileges WHERE grantee LIKE '''creneau''@%' AND table_name = 'patients'",
}
MATCHING = {
    "gnuhealth": {"id", "name", "lastname", "dob", "ref"},
    "hours": {"id", "card", "born", "family_name", "given_name"},
}


def asked(copy: MappedBench, request: pytest.FixtureRequest, sql: str) -> set[str]:
    """Ask as whoever sees every grant."""
    if copy.file.name == "gnuhealth":
        server: private_postgres.Server = request.getfixturevalue("postgres")
        base: Any = server.root("gnuhealth")
    else:
        maria: private.Server = request.getfixturevalue("mariadb")
        base = maria.root("hours")
    with closing(base) as root:
        return {str(row[0]) for row in root.execute(sql).fetchall()}


def test_the_account_reaches_the_agenda_and_the_matching_columns(copy: MappedBench, request: Any) -> None:
    """By the server's own list: the mapping's tables and our own, and of the people what recognises them."""
    due = {*copy.mapping().tables, "creneau_applied"}
    assert asked(copy, request, REACHED[copy.file.name]) == due
    assert asked(copy, request, PATIENTS[copy.file.name]) == MATCHING[copy.file.name]


def test_a_clinical_table_is_refused(copy: MappedBench) -> None:
    """The server says no, whatever a mapping might ask for."""
    session = Session(copy.agent())
    with pytest.raises(Misconfigured), session.reading(DOING) as work:
        work.rows(f"SELECT COUNT(*) FROM {CLINICAL[copy.file.name]}")  # noqa: S608 - a constant
    session.close()


@pytest.mark.parametrize(("nam", "matched"), [("NERZ 8052 0312", True), ("", True), ("XXXX 0000 0000", True)])
def test_a_patient_is_matched_by_card_or_by_names_and_birth(
    copy: MappedBench, patient: Patient, nam: str, matched: bool
) -> None:
    """With exactly these rights: read, match, book, find, list, cancel."""
    emr = copy.adapter()
    slot = at(emr, 9)
    known = replace(patient, nam=nam, given="zoe", family="NERON COTE")
    effect = books(emr).write(Write(MINE, 1, Op.BOOK, slot, None, None, known, TURN))
    assert (effect.outcome, effect.matched) == (Outcome.BOOKED, matched)
    assert emr.find(MINE) == effect
    assert give_up(emr, 2, effect.ref, slot).outcome is Outcome.CANCELLED
    emr.close()


def test_somebody_unknown_is_booked_with_how_to_reach_them(copy: MappedBench, patient: Patient) -> None:
    """Nobody is made or merged: the row has no patient, and carries phone and note."""
    emr = copy.adapter()
    stranger = replace(patient, nam="", family="Inconnue")
    effect = books(emr).write(Write(MINE, 1, Op.BOOK, at(emr, 9), None, None, stranger, TURN))
    assert (effect.outcome, effect.matched) == (Outcome.BOOKED, False)
    (row,) = copy.appointments()
    assert "418 555-0177" in row.content
    assert "béquilles" in row.content
    emr.close()
