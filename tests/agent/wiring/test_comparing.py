"""The nightly comparison as the agent runs it: every few minutes asked whether it is due, patient with an EMR that is away."""

import logging
import re
import threading
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from adapters.hl7v2.scripted import ScriptedEmr
from agent.config import read_plan
from agent.core.model import EmrName, Instant
from agent.wiring.agent import _mark
from agent.wiring.catalog import entries
from agent.wiring.comparing import Comparing
from agent.wiring.sample import Sample
from agent.wiring.state import State

DME = EmrName("dme")
TORONTO = ZoneInfo("America/Toronto")
SOURCE = """[[emr]]
id = "dme"
adapter = "hl7"
listen = "127.0.0.1:0"
poll = "1s"
openings = [{{ practitioner = "101", type = "s", days = ["lun", "mar", "mer", "jeu", "ven", "sam", "dim"], from = "08:00", to = "10:00", minutes = 60 }}]
reconcile = {{ by = "sqm", address = "127.0.0.1:{port}" }}
srm = {{ wait = "5min" }}

"""
VIEW = """
[mapping]
name = "heures"
database = "mysql"
clock = "local"
tells = "openings"
[open]
sql = "SELECT who, kind, starts, ends FROM hours WHERE starts BETWEEN ? AND ?"
values = ["from", "to"]
columns = ["practitioner", "type", "start", "end"]
[rights]
read = ["SELECT ON hours"]
"""


def working_day(sample: Sample) -> date:
    """Return a day soon that the sample's rules share: Monday to Friday."""
    days = ((sample.now + timedelta(days=ahead)).date() for ahead in (2, 3, 4))
    return next(day for day in days if day.weekday() < 5)


@pytest.fixture
def emr(sample: Sample) -> Iterator[ScriptedEmr]:
    """Put an EMR in the place of the sample clinic's: it speaks HL7 and has 08:00 taken on a working day."""
    made = ScriptedEmr(sample.now, TORONTO, lambda _: None)
    made.book("101", datetime.combine(working_day(sample), time(8), TORONTO), 60)
    text = sample.file.read_text(encoding="utf-8")
    source = SOURCE.format(port=made.port)
    sample.file.write_text(re.sub(r"\[\[emr\]\].*?(?=\[\[site\]\])", source, text, flags=re.DOTALL), encoding="utf-8")
    yield made
    made.close()


@pytest.fixture
def state(sample: Sample, emr: ScriptedEmr) -> Iterator[State]:
    with State(read_plan(sample.file, entries())) as made:
        yield made


def until(ready: Callable[[], object]) -> None:
    """Wait until `ready` is true, at most 120 s."""
    for _ in range(2400):
        if ready():
            return
        threading.Event().wait(0.05)
    pytest.fail("did not come in time")


def test_it_is_compared_when_due_and_the_reader_woken(state: State, emr: ScriptedEmr) -> None:
    """The question spans the horizon of the rules in force and a week; then not again before the night."""
    woken: list[tuple[str, ...]] = []
    job = Comparing(state, lambda *kinds: woken.append(kinds))
    job.run()
    assert woken == [("publish",)]
    (asked,) = emr.heard
    qrf = asked.first("QRF")
    assert qrf is not None
    start, end = (datetime.strptime(qrf.text(field), "%Y%m%d%H%M%S") for field in (2, 3))  # noqa: DTZ007 - both local
    assert abs(end - start - state.rules().horizon - timedelta(days=7)) <= timedelta(hours=1)
    job.run()
    assert len(emr.heard) == 1


def test_an_emr_that_is_away_is_said_once_and_asked_less_and_less(
    state: State, emr: ScriptedEmr, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After 5, 10, 20 minutes, an hour at most; and it is said when it answers again."""
    job, ages = Comparing(state, lambda *_: None), [timedelta(0)]
    real = state.clock.now()
    monkeypatch.setattr(state, "clock", type("Then", (), {"now": lambda _: Instant(real.utc, real.age + ages[0])})())
    emr.manners.refuses = "AE"
    asked = []
    with caplog.at_level(logging.INFO, "creneau.nightly"):
        for minute in range(0, 200, 5):
            ages[0] = timedelta(minutes=minute)
            before = len(emr.heard)
            job.run()
            asked += [minute] * (len(emr.heard) - before)
        assert asked == [0, 5, 15, 35, 75, 135, 195]
        emr.manners.refuses = ""
        ages[0] = timedelta(minutes=300)
        job.run()
    assert [each.getMessage().split()[0] for each in caplog.records if each.name == "creneau.nightly"] == [
        "source.not_compared",
        "source.compared_again",
    ]


def test_stopping_ends_a_question_under_way(state: State, emr: ScriptedEmr) -> None:
    """At once, whatever the EMR's answer is waited for; and nothing more is asked."""
    emr.manners.answers = False
    job = Comparing(state, lambda *_: None)
    thread = threading.Thread(target=job.run)
    thread.start()
    until(lambda: emr.heard)
    job.stop()
    thread.join(120)
    assert not thread.is_alive()
    job.run()
    assert len(emr.heard) == 1


def test_slots_go_online_with_the_first_comparison(sample: Sample, emr: ScriptedEmr) -> None:
    """Without a sending of everything: the agent asks by itself when it starts, and what the EMR shows is not offered."""
    sample.enrol()
    sample.start()
    assert sample.agent is not None
    agent = sample.agent
    until(lambda: DME in agent.state.board.read().reads)
    until(lambda: len(agent.state.journal.views(DME).known()) > 5)
    day = f"{working_day(sample):%Y%m%d}"
    offered = {str(key).split("|")[1][:13] for key in agent.state.journal.views(DME).known()}
    assert f"{day}T0800" not in offered
    assert f"{day}T0900" in offered


def test_a_folder_something_is_dropped_into_is_no_changed_file(tmp_path: Path) -> None:
    """The legs are not built anew for each file an EMR drops."""
    before = _mark(tmp_path)
    (tmp_path / "export.csv").write_text("x", encoding="utf-8")
    assert _mark(tmp_path) == before
    assert _mark(tmp_path / "export.csv") is not None
    assert _mark(tmp_path / "none") is None


def test_hours_from_a_database_open_the_adapter_beside(sample: Sample, emr: ScriptedEmr) -> None:
    """The mapping's path is the file's neighbour, the password the vault's under the source's own name."""
    (sample.folder / "heures.toml").write_text(VIEW, encoding="utf-8")
    text = sample.file.read_text(encoding="utf-8")
    view = 'view = { mapping = "heures.toml", connection = \'DRIVER={MariaDB Unicode};SERVER=127.0.0.1;PORT=1;DATABASE=x\', user = "creneau" }\n'
    sample.file.write_text(text.replace("srm = {", view + "srm = {"), encoding="utf-8")
    found = {line["code"]: line for line in sample.ask("check", part="emr")["findings"]}
    assert found["hl7.view-none"]["severity"] == "fault"
    assert found["hl7.view-none"]["hint"] == {"id": "creneau secret set {name}", "args": {"name": "dme"}}
