"""Bad days of people: odd names, odd files; whatever is typed, nothing leaks and nothing breaks."""

from contextlib import suppress
from typing import Any

import pytest

from agent.config import Faults, read_plan
from agent.core.errors import CreneauError
from agent.wiring.catalog import entries
from hub import desk

NAMES = {
    "accents and an apostrophe": ("D'Émond-Lévêque", "Zoë-Anaïs"),
    "200 characters": ("Canariensis" * 18 + "é", "Z" * 200),
    "emoji": ("Canari🐤Tremblay", "Zoé 👩‍⚕️"),
    "sql": ("Canari'; DROP TABLE appointment; --", 'Zoé" OR 1=1'),
    "hl7": ("Canari^Tremblay|PID~MSH\\F\\", "Zoé&\x0b\x1c\r"),
}


@pytest.mark.parametrize("who", NAMES)
def test_any_name_is_booked_or_refused_and_never_breaks_the_agenda(day: Any, who: str) -> None:
    """Accents, 200 characters, emoji, SQL and HL7 metacharacters: one row at most, every other row untouched."""
    family, given = NAMES[who]
    slot = day.open()[3]
    before = day.sample.rows()
    day.book("days-name-1", 1, slot["id"], family=family, given=given)
    told = day.outcome("days-name-1", 1)
    ours = day.ours()
    assert told == "booked" or told.startswith("refused")
    assert len(ours) == (told == "booked")
    assert [row for row in day.sample.rows() if row not in ours] == before
    if who == "accents and an apostrophe":
        assert ours[0].name.startswith("D'ÉMOND-LÉVÊQUE")
    assert [path for path in day.etat.rglob("*") if path.is_file() and family[:12].encode() in path.read_bytes()] == []


@pytest.mark.parametrize("saved", ["cp1252", "utf-16", "utf-8-sig"])
def test_a_file_saved_otherwise_is_read_or_refused_with_a_sentence_and_the_agent_goes_on(day: Any, saved: str) -> None:
    """ANSI, UTF-16, a byte-order mark: the running agent keeps its plan and its slots stay at the hub."""
    day.open()
    text = day.sample.file.read_text(encoding="utf-8")
    day.sample.file.write_bytes((text + "\n# à jour\n").encode(saved))
    with suppress(CreneauError):  # refused by a sentence of the family, never by a traceback
        read_plan(day.sample.file, entries())
    day.sample.agent.reload()
    assert day.sample.agent.alive()
    assert day.offered()


def test_typographic_quotes_are_refused_with_a_sentence_and_the_agent_goes_on(day: Any) -> None:
    """A word processor's quotes change nothing that runs; put right, the file is taken again."""
    day.open()
    good = day.sample.file.read_text(encoding="utf-8")
    bad = good.replace('poll       = "1s"', "poll       = “1s”")
    day.sample.file.write_text(bad, encoding="utf-8")
    with pytest.raises(CreneauError) as wrong:
        read_plan(day.sample.file, entries())
    assert str(wrong.value)
    day.sample.agent.reload()
    assert day.sample.agent.alive()
    day.sample.file.write_text(good, encoding="utf-8")
    day.sample.agent.reload()
    assert day.offered()


TEN = (
    ('name     = "', 'nam      = "'),
    ('url = "https://', 'url = "http://'),
    ('bookings   = "automatic"', 'bookings   = "perhaps"'),
    ('poll       = "1s"', 'poll       = "soon"'),
    ('emr       = "dme"', 'emr       = "autre"'),
    ("enabled = true", "enabled = 1"),
    ('types         = ["sans-rendez-vous"]', 'types         = ["inconnu"]'),
    ('practitioners = ["101", "102", "103"]', 'practitioners = ["*"]'),
    ('clientele = "anyone"', 'clientele = "everyone"'),
    ('days    = ["ven"]', 'days    = ["vendredi"]'),
)
"""Ten slips of a hand, as (what stands there, what is typed)."""


def test_ten_faults_are_named_at_once_with_their_lines_and_the_agent_goes_on(day: Any) -> None:
    """Nobody mends a file one error a day: all ten come together, each with its line, and what runs goes on."""
    day.open()
    good = bad = day.sample.file.read_text(encoding="utf-8")
    for stands, typed in TEN:
        assert stands in bad, stands
        bad = bad.replace(stands, typed, 1)
    day.sample.file.write_text(bad, encoding="utf-8")
    with pytest.raises(Faults) as wrong:
        read_plan(day.sample.file, entries())
    lines = bad.splitlines()
    faults = wrong.value.faults
    assert len(faults) >= 10
    assert all(0 <= one.line <= len(lines) and str(one.says) for one in faults)
    named = {one.line for one in faults}
    assert {n for n, line in enumerate(lines, 1) if any(typed in line for _, typed in TEN)} <= named
    day.sample.agent.reload()
    assert day.sample.agent.alive()
    assert day.offered()
    day.sample.file.write_text(good, encoding="utf-8")


def test_a_password_in_the_file_is_refused_and_shown_nowhere(day: Any, caplog: pytest.LogCaptureFixture) -> None:
    """`PWD=` in the connection: refused with the command that stores it, and the word itself is in no log."""
    day.open()
    text = day.sample.file.read_text(encoding="utf-8")
    connection = next(line for line in text.splitlines() if line.startswith("connection"))
    typed = "connection = 'DRIVER={MariaDB Unicode};SERVER=h;DATABASE=oscar;PWD=Canari-secret'"
    day.sample.file.write_text(text.replace(connection, typed), encoding="utf-8")
    with pytest.raises(Faults) as wrong:
        read_plan(day.sample.file, entries())
    told = [f"{one.says} {one.hint} {one.value}" for one in wrong.value.faults]
    assert any("creneau secret set" in one for one in told)
    assert "Canari-secret" not in "".join(told)
    day.sample.agent.reload()
    assert "Canari-secret" not in caplog.text
    day.sample.file.write_text(text, encoding="utf-8")


def test_changed_while_running_narrower_counts_at_once_and_wider_waits_for_a_yes(day: Any) -> None:
    """A saved file takes slots offline by itself; nothing comes online that nobody applied."""
    whole = len(day.open())
    text = day.sample.file.read_text(encoding="utf-8")
    day.sample.file.write_text(text.replace('# min_notice      = "2h" ', 'min_notice = "13d"'), encoding="utf-8")
    day.sample.agent.reload()
    day.until("narrower", lambda: day.sample.agent.wake("publish", "deliver") or len(day.lasting()) < whole // 2)
    wider = text.replace('# min_notice      = "2h" ', 'min_notice = "0h"')
    day.sample.file.write_text(wider, encoding="utf-8")
    day.sample.agent.reload()
    day.until("as applied", lambda: day.sample.agent.wake("publish", "deliver") or len(day.lasting()) == whole)


def test_an_agent_shut_out_by_the_hub_says_so_and_a_new_code_brings_it_back(day: Any) -> None:
    """Revoked: the hub is silent about slots, status says who to call, and after a new code all is as before."""
    day.open()
    desk.revoke(day.hub, "fjord")
    day.shows("shut-out")
    assert day.portal.slots() == []
    day.sample.ask("enrol", code=desk.code(day.hub, "fjord"))
    desk.offers(day.hub, start=True, name="fjord")
    assert day.offered()
    day.until("well", lambda: day.sample.beat() or day.sample.well())
