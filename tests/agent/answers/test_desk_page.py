"""The page at the front desk, as a file."""

import logging
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from agent.core.message import say
from agent.core.model import Finding, Severity
from agent.desk.minute import FILE, Minute
from agent.desk.voice import ClinicVoice
from agent.language import Speech


def shown(folder: Path) -> str:
    """Return the page as text, entities and hard spaces resolved."""
    return unescape((folder / FILE).read_text(encoding="utf-8")).replace("\N{NO-BREAK SPACE}", " ")


def work(place: Any, folder: Path, lang: str = "fr") -> Minute:
    return Minute(place.house(), ClinicVoice(Speech(lang), ZoneInfo("America/Toronto")), folder, None)


@pytest.mark.parametrize(
    ("lang", "says"), [("fr", ("Créneau fonctionne.", "À faire : 0")), ("en", ("Créneau is working.", "To do: 0"))]
)
def test_the_page_says_in_plain_words_that_it_works(place: Any, tmp_path: Path, lang: str, says: Any) -> None:
    """Both languages; the time is the clinic's, whatever zone the machine is set to."""
    place.run()
    work(place, tmp_path, lang).run()
    text = shown(tmp_path)
    assert all(one in text for one in says)
    assert ("8 h 00" if lang == "fr" else "8:00") in text
    assert f'lang="{lang}-CA"' in text


def test_tasks_places_and_news_stand_on_it_and_no_patient(place: Any, tmp_path: Path, booked: Any) -> None:
    """A task with its deadline, a place to fill by phone while the hub is away, a new type; never a name of a patient."""
    booked("enter")
    place.run(beat="transient", deliver="transient")
    from agent.core.news import News

    place.board.news(place.DME, (News("type", "Q", "Q", 4), News("practitioner", "999", "Zoé <Roy>", 2)))
    place.later(61)
    work(place, tmp_path).run()
    text = shown(tmp_path)
    assert "Inscrire ce rendez-vous à l'agenda" in text
    assert "trop tard : appeler le patient" in text
    assert "Plages à combler par téléphone" in text
    assert "Nouveau type au DMÉ" in text
    assert "Zoé &lt;Roy&gt;" in (tmp_path / FILE).read_text(encoding="utf-8")
    assert "Tremblay" not in text
    assert "<script src" not in text


@pytest.mark.parametrize(
    ("lang", "says"),
    [
        ("fr", "messages non compris : 2; les heures dont ils parlent peut-être sont retenues"),
        ("en", "messages not understood: 2; the times they may speak of are kept back"),
    ],
)
def test_times_kept_back_are_told_at_the_front_desk(place: Any, tmp_path: Path, lang: str, says: str) -> None:
    """In the clinic's language, with the command that shows them."""
    place.run()
    told = say("messages not understood: {n}; the times they may speak of are kept back", n=2)
    place.board.findings(place.DME, (Finding("hl7.doubt", Severity.FAULT, told, say("creneau hl7 doubts")),))
    work(place, tmp_path, lang).run()
    text = shown(tmp_path)
    assert says in text
    assert "creneau hl7 doubts" in text


def test_a_folder_that_is_away_is_said_once_and_once_back(place: Any, tmp_path: Path, caplog: Any) -> None:
    """A share that was unplugged: the page comes back with the folder, and nothing half-written is left."""
    place.run()
    folder = tmp_path / "partage"
    job = work(place, folder)
    with caplog.at_level(logging.INFO, "creneau.desk"):
        for _ in range(3):
            job.run()
        folder.mkdir()
        job.run()
        job.run()
    assert [record.message.split(" ")[0] for record in caplog.records] == ["desk.down", "desk.back"]
    assert [path.name for path in folder.iterdir()] == [FILE]


def test_the_page_is_replaced_whole(place: Any, tmp_path: Path) -> None:
    """Whoever reads while it is renewed sees the old page or the new one: another file takes its place."""
    place.run()
    job = work(place, tmp_path)
    job.run()
    with (tmp_path / FILE).open(encoding="utf-8") as reading:
        start = reading.read(100)
        place.now = place.now.__class__(place.now.utc + timedelta(minutes=1), place.now.age + timedelta(minutes=1))
        job.house = place.house()
        job.run()
        rest = reading.read()
    assert (start + rest).endswith("</html>\n")
