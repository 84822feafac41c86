"""What the command line may ask, over a real journal and the made-up EMR."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from adapters.memory import Clinic, MemoryEmr, Opening
from agent.answers import NEEDS, VERBS, Answers, House, Sharing, may, words
from agent.answers.columns import AGENDA, LEAVES
from agent.board import MemoryBoard
from agent.config.faults import Fault, Faults
from agent.config.plan import BookingPlan, ClinicPlan, DeskPlan, EmrPlan, HubPlan, Plan, ServicePlan, SitePlan
from agent.core.booking import Firmness, Order, Outcome, State
from agent.core.changes import enter, line
from agent.core.errors import CreneauError, Misconfigured, Refused, Transient
from agent.core.message import say
from agent.core.model import Cell, EmrName, Finding, Instant, Patient, Severity, SiteId, SlotId
from agent.core.sharing import Accord, Allow, Deny, Match, Posture, PublishAs, SharedSlot, SharingRules, Why, share
from agent.door import Peer
from agent.journal import Journal
from agent.journal.box import DataBox, new_key
from agent.ports import Emr, Identity, Outgoing, Standing

DME = EmrName("dme")
SITE = SiteId("principal")
ZONE = ZoneInfo("America/Toronto")
NOW = Instant(datetime(2026, 11, 23, 13, tzinfo=UTC), timedelta(hours=30))
MONDAY = datetime(2026, 11, 30, 9, tzinfo=ZONE)
WHO = "manon"
RULES = SharingRules(
    enabled=True,
    expires=date(2027, 6, 30),
    types={(DME, "s"): "sans-rendez-vous"},
    roster={(DME, "101"): Accord("Dre A", date(2026, 11, 1)), (DME, "102"): Accord("Dr B", date(2026, 11, 1))},
    allow=(
        Allow(
            "matin",
            12,
            Match(practitioners=frozenset({(DME, "101"), (DME, "102")})),
            PublishAs("anyone", "urgent", "on-site"),
        ),
    ),
    team_min=2,
    zones={SITE: "America/Toronto"},
    confirmation={DME: "instant"},
    digest="one",
)


def plan(file: Path) -> Plan:
    return Plan(
        file=file,
        clinic=ClinicPlan("Clinique du Fjord", "Manon", "fr"),
        hub=HubPlan("https://hub.example.org", "", ""),
        emrs=(EmrPlan(DME, "memory", {}, "automatic", "", timedelta(seconds=60), 1),),
        sites=(SitePlan(SITE, DME, "Fjord", "123, rue", "418", "*", "America/Toronto"),),
        sharing=RULES,
        booking=BookingPlan("En ligne", timedelta(hours=24), "release", 30),
        desk=DeskPlan("", (), ""),
        service=ServicePlan(file.parent, "info", 36),
    )


class Vault:
    """Keys and secrets of a clinic that may be enrolled."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.who: Identity | None = None

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self.kept))

    def put(self, name: str, value: str) -> None:
        self.kept[name] = value

    def identity(self) -> Identity:
        if self.who is None:
            raise Misconfigured(say("read the identity"), say("not enrolled"), say("creneau enrol"))
        return self.who

    def patient(self, jwe: str, booking: str, version: int) -> Patient:
        return Patient(booking, version, "Tremblay", "Luc", born=date(1980, 5, 1), phone="418 555-0199")


class Bare:
    """A source that can only be read."""

    def __init__(self, emr: MemoryEmr) -> None:
        self.name = emr.name
        self.slots = emr.slots
        self.check = list
        self.close = emr.close


@dataclass
class Place:
    """A clinic, its journal, and the answers over them."""

    journal: Journal
    file: Path
    clinic: Clinic = field(default_factory=Clinic)
    vault: Vault = field(default_factory=Vault)
    board: MemoryBoard | None = None
    rules: SharingRules = RULES
    applied: SharingRules | None = None
    woken: list[str] = field(default_factory=list)
    reloads: int = 0
    now: Instant = NOW
    down: CreneauError | None = None
    faults: CreneauError | None = None
    bare: bool = False
    found: list[Finding] = field(default_factory=list)
    closed: int = 0

    def house(self) -> House:
        return House(
            plan=lambda: plan(self.file),
            file=self._file,
            applied=lambda: self.applied,
            records=self.journal.records(),
            views=self.journal.views,
            keys=self.vault,
            vault=self.vault,
            open_emr=self._open,
            board=self.board,
            clock=SimpleNamespace(now=lambda: self.now),
            wake=self.woken.append,
            reload=self._reload,
            join=self._join,
            hub_findings=self._findings,
            machine_findings=self._findings,
        )

    def ask(self, verb: str, **args: Any) -> Any:
        return json.loads(json.dumps(Answers(self.house()).ask(verb, args, WHO)))

    def ledger(self) -> list[tuple[str, str, bytes]]:
        return [(entry.kind, entry.who, entry.body) for entry in self.journal.records().ledger()]

    def publish(self) -> dict[str, SlotId]:
        """Publish and confirm the view of the applied rules, as the legs do."""
        reading = self._emr().slots(RULES.window(self.now.utc))
        offered = share(reading.slots, RULES, self.now.utc, {}, frozenset()).offered
        ids = (SlotId(f"id-{n:019}") for n in count())
        views, outbox = self.journal.views(DME), self.journal.outbox()
        views.now(enter(views.known(), offered, ids), offered, self.now)
        outbox.receipted(Outgoing("offer", {}, 1, told=outbox.view()), "receipt", Standing(1, 1), self.now)
        return {str(key): id_ for key, (id_, _) in views.known().items()}

    def _emr(self) -> MemoryEmr:
        return MemoryEmr(DME, self.clinic, SimpleNamespace(now=lambda: self.now))

    def _open(self, name: EmrName) -> Emr:
        if self.down is not None:
            raise self.down
        emr = self._emr()
        close = emr.close

        def counted() -> None:
            self.closed += 1
            close()

        emr.close = counted  # type: ignore[method-assign]
        return Bare(emr) if self.bare else emr

    def _file(self) -> Sharing:
        if self.faults is not None:
            raise self.faults
        posture = Posture(self.journal.records().facts().get("posture", "open"))
        return Sharing(plan(self.file), "[sharing]\n", replace(self.rules, posture=posture))

    def _reload(self) -> None:
        self.reloads += 1

    def _join(self, code: str, now: Instant) -> Identity:
        self.vault.who = Identity("fjord", "https://hub.example.org", "i-1", "1a2b-3c4d")
        return self.vault.who

    def _findings(self) -> Iterable[Finding]:
        if self.down is not None:
            raise self.down
        return self.found


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    journal = Journal.open(tmp_path / "state", DataBox(new_key()), now=NOW)
    place = Place(journal, tmp_path / "creneau.toml")
    cells = [
        Opening(SITE, who, MONDAY + timedelta(minutes=20 * n), MONDAY + timedelta(minutes=20 * n + 20), kind)
        for who, n, kind in (("101", 0, "s"), ("101", 1, "s"), ("102", 0, "s"), ("102", 1, "z"), ("999", 0, "s"))
    ]
    place.clinic.open(cells)
    yield place
    journal.close()


def order(goal: SlotId | None, shared: SharedSlot, booking: str = "booking-1", jwe_hash: bytes | None = None) -> Order:
    return Order(
        booking=booking,
        version=1,
        goal=goal,
        firmness=Firmness.FIRM,
        until=None,
        expires_at=NOW.utc + timedelta(hours=1),
        slot_line=line(shared, None),
        patient_sha256=jwe_hash,
        body_hash=b"h" * 32,
    )


@pytest.fixture
def booked(place: Place) -> Callable[..., None]:
    """Receive an order for the first slot and open a task for it."""

    def receive(kind: str = "enter") -> None:
        ids = place.publish()
        id_ = ids[min(ids)]
        shared = place.journal.outbox().view()[id_]
        cursor = {"log": "l", "n": 1}
        place.journal.inbox(DME).take([(order(id_, shared, jwe_hash=b"j" * 32), "jws", "jwe")], [], cursor, NOW)
        bookings = place.journal.bookings(DME)
        row = bookings.row("booking-1")
        assert row is not None
        bookings.save(row, tasks=[kind], tell=False, erase=False, now=NOW)

    return receive


# ---- rights and shapes


def test_every_verb_has_its_function_and_its_right() -> None:
    """What a group may ask exists; what is named nowhere is for administrators."""
    assert set(NEEDS) <= set(VERBS)
    nobody, desk = (
        Peer("x", admin=False, groups=frozenset()),
        Peer("x", admin=False, groups=frozenset({"creneau-accueil"})),
    )
    assert {verb for verb in VERBS if may(verb, nobody)} == {"status"}
    assert {verb for verb in VERBS if may(verb, desk)} == {
        "status", "bookings", "tasks-list", "tasks-show", "tasks-done", "unsold",
    }  # fmt: skip
    assert all(may(verb, Peer("root", admin=True, groups=frozenset())) for verb in [*VERBS, "unheard-of"])


def test_an_unknown_verb_is_refused(place: Place) -> None:
    """An older or newer command learns that versions differ."""
    with pytest.raises(Refused) as caught:
        place.ask("dance")
    assert caught.value.reason == "unknown-verb"


@pytest.mark.parametrize(
    ("table", "words_of"),
    [(words.CELL, Cell), (words.WHY, Why), (words.POSTURE, Posture), (words.OUTCOME, Outcome), (words.STATE, State)],
)
def test_every_machine_word_has_a_persons_word(table: Any, words_of: Any) -> None:
    """No enumeration grows without a sentence for people."""
    assert set(table) == set(words_of)


# ---- preview


def test_preview_shows_the_agenda_and_what_would_leave(place: Place) -> None:
    """Free slots that are shared stand on the right with their wire words; others with why and the rule's line."""
    place.clinic.insert("101", MONDAY + timedelta(minutes=20), MONDAY + timedelta(minutes=40), "desk")
    answer = place.ask("preview", days=14)
    rows = {(row["when"], row["who"]): row for row in answer["rows"]}
    first = rows["2026-11-30 09:00", "101"]
    assert (first["start"], first["clientele"]["id"], first["practitioner"]["id"]) == (
        "2026-11-30 09:00", "anyone", "the team",
    )  # fmt: skip
    taken = rows["2026-11-30 09:20", "101"]
    assert (taken["cell"]["id"], taken["start"], taken["why"]) == ("taken", None, None)
    assert rows["2026-11-30 09:20", "102"]["why"]["id"] == "new type, not named in [types]"
    assert answer["counts"] == {"leaves": 2, "stays": 2}
    assert answer["new"] == [
        {"kind": "practitioner", "emr": "dme", "code": "999", "free": 1},
        {"kind": "type", "emr": "dme", "code": "z", "free": 1},
    ]


def test_the_right_side_holds_every_member_the_hub_will_read() -> None:
    """Each wire member of a slot has its column, so nothing leaves unseen."""
    assert set(SharedSlot.__dataclass_fields__) <= {column.key for column in LEAVES}


def test_every_column_reaches_the_answer(place: Place) -> None:
    """A column added to the list is in the headings and in every row, with no other change."""
    answer = place.ask("preview", days=14)
    keys = [column.key for column in AGENDA + LEAVES]
    assert [column["key"] for column in answer["columns"]] == keys
    assert all(list(row) == keys for row in answer["rows"])


def test_preview_of_one_person_is_logged(place: Place) -> None:
    """Looking at one doctor leaves a ledger line with who looked."""
    answer = place.ask("preview", days=14, who="101")
    assert {row["who"] for row in answer["rows"]} == {"101"}
    assert place.ledger()[-1] == ("viewed", WHO, b"101")


def test_a_rehearsal_shows_what_would_leave(place: Place) -> None:
    """With enabled = false the right side is what would leave, and the answer says it is a rehearsal."""
    place.rules = replace(RULES, enabled=False)
    answer = place.ask("preview", days=14)
    assert answer["rehearsal"]
    assert answer["counts"]["leaves"] == 3


def test_preview_says_whether_these_rules_are_applied(place: Place) -> None:
    """A file edited after the last apply is told from one in force."""
    assert not place.ask("preview")["applied"]
    place.applied = RULES
    assert place.ask("preview")["applied"]


def test_a_source_without_an_agenda_shows_its_free_slots(place: Place) -> None:
    """An adapter that lists free slots only still has a preview, and is closed afterwards."""
    place.bare = True
    assert len(place.ask("preview", days=14)["rows"]) == 5
    assert place.closed == 1


@pytest.mark.parametrize("args", [{"days": 0}, {"days": 91}, {"days": "3"}, {"days": True}, {"who": 3}])
def test_arguments_out_of_bounds_are_refused(place: Place, args: dict[str, Any]) -> None:
    """Whoever speaks to the socket directly gets no further than the command line would."""
    with pytest.raises(Refused) as caught:
        place.ask("preview", **args)
    assert caught.value.reason == "schema"


# ---- sharing


def test_show_says_what_the_file_says(place: Place) -> None:
    """Rules with the clinic's own words; a null means any."""
    match = Match(
        frozenset({(DME, "s"), (DME, "?")}), frozenset({(DME, "101"), (DME, "7")}), None, frozenset({0, 4}), (480, 720)
    )
    everything = Deny("tout", 20, Match(sites=frozenset({SITE})))
    place.rules = replace(RULES, allow=(replace(RULES.allow[0], match=match),), deny=(everything,))
    answer = place.ask("sharing-show")
    (allow,), (deny,) = answer["allow"], answer["deny"]
    assert (allow["types"], allow["people"]) == (["?", "sans-rendez-vous"], ["7", "Dre A"])
    assert ([day["id"] for day in allow["days"]], allow["between"]) == (["Mon", "Fri"], ["08:00", "12:00"])
    assert [word["id"] for word in allow["to"]] == ["anyone", "urgent", "on site"]
    assert deny == {
        "name": "tout", "line": 20, "types": None, "people": None, "sites": ["principal"], "days": None,
        "between": None, "to": [],
    }  # fmt: skip
    assert not answer["applied"]


@pytest.mark.parametrize(
    "change",
    [{"identity": "named"}, {"times": "half-day"}, {"cancelled_frees": False}],
)
def test_show_says_what_holds_for_all_rules(place: Place, change: dict[str, Any]) -> None:
    """Each setting has its own sentence."""
    before = place.ask("sharing-show")["says"]
    place.rules = replace(RULES, **change)
    assert sum(one != two for one, two in zip(before, place.ask("sharing-show")["says"], strict=True)) == 1


def test_the_first_difference_is_every_slot_that_would_appear(place: Place) -> None:
    """Before any apply, all that the file shares is new."""
    answer = place.ask("sharing-diff")
    assert (len(answer["appear"]), answer["vanish"], answer["same"]) == (3, [], False)


def test_the_difference_shows_vanishing_and_changing_slots(place: Place) -> None:
    """A file that names fewer people and other words shows both."""
    place.applied = replace(RULES, team_min=1)
    allow = replace(
        RULES.allow[0],
        match=Match(practitioners=frozenset({(DME, "101")})),
        publish_as=PublishAs("anyone", "regular", "on-site"),
    )
    place.rules = replace(RULES, digest="two", team_min=1, allow=(allow,))
    answer = place.ask("sharing-diff")
    assert [slot["who"] for slot in answer["vanish"]] == ["102"]
    assert {slot["who"] for slot in answer["change"]} == {"101"}
    assert answer["appear"] == []


def test_apply_stores_the_text_whose_difference_was_shown(place: Place) -> None:
    """The text and its digest are kept with a ledger line, and the agent reads its rules again."""
    answer = place.ask("sharing-apply", digest="one")
    facts = place.journal.records().facts()
    assert (facts["rules"], facts["sharing_applied"]) == ("one", "[sharing]\n")
    assert answer["enabled"]
    assert place.ledger()[-1][:2] == ("sharing", WHO)
    assert (place.reloads, place.woken) == (1, ["publish"])


def test_apply_refuses_a_file_that_changed_meanwhile(place: Place) -> None:
    """What nobody saw is not put into force."""
    with pytest.raises(Refused) as caught:
        place.ask("sharing-apply", digest="zero")
    assert caught.value.reason == "changed"
    assert "rules" not in place.journal.records().facts()


@pytest.mark.parametrize(
    ("verb", "word"), [("sharing-pause", "paused"), ("sharing-withdraw", "withdrawn"), ("freeze", "frozen")]
)
def test_a_posture_is_kept_logged_and_ended(place: Place, verb: str, word: str) -> None:
    """Each order of the clinic is a fact, a ledger line with who, and wakes the legs; resume ends it."""
    assert place.ask(verb)["posture"] == word
    assert place.journal.records().facts()["posture"] == word
    assert place.ledger()[-1][:2] == ("posture", WHO)
    assert set(place.woken) == {"publish", "deliver", "apply"}
    assert place.ask("sharing-resume") == {"posture": "open", "was": word, "says": {"id": "open", "args": {}}}


def test_a_posture_of_another_version_counts_as_frozen(place: Place) -> None:
    """After a downgrade the strictest reading holds."""
    place.journal.records().put({"posture": "half-open"}, NOW)
    assert place.ask("sharing-resume")["was"] == "frozen"


# ---- desk


def test_bookings_say_where_each_one_stands(place: Place, booked: Callable[..., None]) -> None:
    """An order just received is in line, with its slot and without its patient."""
    booked()
    (row,) = place.ask("bookings")["bookings"]
    assert (row["stands"], row["says"]["id"], row["when"][:16]) == ("queued", "in line", "2026-11-30T09:00")
    assert "Tremblay" not in str(row)


def test_bookings_that_are_over_are_listed_on_demand(place: Place, booked: Callable[..., None]) -> None:
    """Past appointments are left out unless asked for."""
    booked()
    place.now = Instant(NOW.utc + timedelta(days=20), NOW.age + timedelta(days=20))
    assert place.ask("bookings")["bookings"] == []
    assert len(place.ask("bookings", past=True)["bookings"]) == 1


def test_an_outcome_is_said_once_nothing_is_under_way(place: Place, booked: Callable[..., None]) -> None:
    """A reported conflict reads as not booked."""
    booked()
    bookings = place.journal.bookings(DME)
    row = bookings.row("booking-1")
    assert row is not None
    resolved = replace(row, state=State.RESOLVED, done_ver=1, outcome=Outcome.CONFLICT, outcome_rev=1)
    bookings.save(resolved, tasks=[], tell=False, erase=False, now=NOW)
    assert place.ask("bookings")["bookings"][0]["says"]["id"] == "not booked: no longer free"


def test_a_task_is_listed_shown_and_answered(place: Place, booked: Callable[..., None]) -> None:
    """The list has no patient; the details are shown and logged; the answer wakes the legs."""
    booked("checking")
    (task,) = place.ask("tasks-list")["tasks"]
    assert (task["kind"], task["answer"]) == ("checking", None)
    shown = place.ask("tasks-show", n=task["n"])
    assert shown["patient"]["family"] == "Tremblay"
    assert shown["patient"]["born"] == "1980-05-01"
    assert place.ledger()[-1][1] == WHO
    bookings = place.journal.bookings(DME)
    row = bookings.row("booking-1")
    assert row is not None
    bookings.save(replace(row, state=State.UNSURE), tasks=[], tell=False, erase=False, now=NOW)
    done = place.ask("tasks-done", n=task["n"], in_agenda=True)["task"]
    assert (done["answer"], done["who"]) == (True, WHO)
    assert place.woken == ["apply", "deliver"]
    assert place.ask("tasks-list")["tasks"] == []
    assert len(place.ask("tasks-list", answered=True)["tasks"]) == 1


def test_a_task_without_kept_details_shows_none(place: Place, booked: Callable[..., None]) -> None:
    """After erasing, the task stands without its patient."""
    booked()
    (task,) = place.ask("tasks-list")["tasks"]
    bookings = place.journal.bookings(DME)
    row = bookings.row("booking-1")
    assert row is not None
    ended = replace(row, state=State.RESOLVED, done_ver=1, outcome=Outcome.CONFLICT, outcome_rev=1)
    bookings.save(ended, tasks=[], tell=False, erase=True, now=NOW)
    assert place.ask("tasks-show", n=task["n"])["patient"] is None


@pytest.mark.parametrize("args", [{"n": 1}, {"n": 1, "in_agenda": "yes"}, {"in_agenda": True}])
def test_an_answer_without_its_answer_is_refused(place: Place, args: dict[str, Any]) -> None:
    """There is no default to the question whether it is in the agenda."""
    with pytest.raises(Refused):
        place.ask("tasks-done", **args)


def running(place: Place, **down: str) -> MemoryBoard:
    board = MemoryBoard(NOW, "boot")
    for leg in ("beat", "deliver", "receive", "apply:dme", "publish:dme"):
        kind = down.get(leg.partition(":")[0])
        board.down(leg, kind, NOW) if kind else board.ok(leg, NOW)
    board.complete(DME, NOW)
    place.board = board
    return board


def later(place: Place, minutes: int) -> None:
    place.now = Instant(NOW.utc + timedelta(minutes=minutes), NOW.age + timedelta(minutes=minutes))


def test_everything_can_be_booked_when_all_is_well(place: Place) -> None:
    """No slot is listed while hub and EMR answer."""
    running(place)
    place.publish()
    assert place.ask("unsold") == {"unsold": [], "published": 3}


def test_slots_are_unsold_when_the_hub_is_away(place: Place) -> None:
    """Every published slot is listed with why and since when."""
    running(place, beat="transient")
    place.publish()
    later(place, 5)
    rows = place.ask("unsold")["unsold"]
    assert len(rows) == 3
    assert rows[0]["why"]["id"] == "the hub does not answer"
    assert rows[0]["since"] == "2026-11-23T13:00:00+00:00"


def test_slots_are_unsold_when_the_emr_was_not_read(place: Place) -> None:
    """Slots lapse ten minutes after the last complete reading."""
    running(place)
    place.publish()
    later(place, 9)
    assert place.ask("unsold")["unsold"] == []
    later(place, 11)
    assert {row["why"]["id"] for row in place.ask("unsold")["unsold"]} == {"the EMR does not answer"}


def test_slots_are_unsold_when_the_agent_is_stopped_or_withdrawn(place: Place) -> None:
    """Without a running agent, or by the clinic's order, nothing can be booked."""
    place.publish()
    assert place.ask("unsold")["unsold"][0]["why"]["id"] == "the agent is stopped"
    running(place)
    place.ask("sharing-withdraw")
    assert place.ask("unsold")["unsold"][0]["why"]["id"] == "the clinic took its slots offline"
    place.ask("freeze")
    assert place.ask("unsold")["unsold"][0]["why"]["id"] == "the clinic lets nothing be written into the EMR"


# ---- status


def test_status_of_a_clinic_at_work(place: Place) -> None:
    """All parts work, sharing is in force, nothing is left to do."""
    running(place)
    place.applied = RULES
    place.vault.who = Identity("fjord", "https://hub.example.org", "i-1", "1a2b")
    place.publish()
    answer = place.ask("status")
    assert (answer["working"], answer["next"]) == ("yes", [])
    assert answer["counts"] == {"online": 3, "unsold": 0, "tasks": 0, "bookings": 0}
    assert {line["part"] for line in answer["lines"]} == {"publish", "deliver", "receive", "apply", "beat", "sharing"}


def test_status_names_what_does_not_work_and_what_to_do(place: Place, booked: Callable[..., None]) -> None:
    """One leg down is "partly", and the next steps are commands."""
    running(place, beat="transient", apply="misconfigured")
    booked()
    later(place, 3)
    answer = place.ask("status")
    assert answer["working"] == "partly"
    says = {line["part"]: (line["says"]["id"], line["for_s"]) for line in answer["lines"]}
    assert says["beat"] == ("does not answer; trying again", 180)
    assert says["apply"] == ("stopped: something must be mended", 180)
    assert [step["id"].rpartition(": ")[2] for step in answer["next"]] == [
        "creneau enrol CODE",
        "creneau preview",
        "creneau check",
        "creneau tasks list",
        "creneau unsold",
    ]


def test_status_of_a_stopped_agent(place: Place) -> None:
    """Nothing runs: it says so and how to start it."""
    answer = place.ask("status")
    assert (answer["working"], answer["since"]) == ("stopped", None)
    assert "creneau run, or its service" in str(answer["next"])


def test_status_when_every_leg_is_down(place: Place) -> None:
    """Running and useless is told from partly working."""
    running(place, beat="transient", deliver="transient", receive="transient", apply="transient", publish="transient")
    assert place.ask("status")["working"] == "no"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"expires": date(2026, 11, 22)}, "expired on {day}: nothing leaves"),
        ({"expires": date(2026, 12, 23)}, "in force; days left: {n}"),
        ({"enabled": False}, "rehearsal: nothing leaves"),
        ({}, "in force until {day}"),
    ],
)
def test_status_says_how_sharing_stands(place: Place, change: dict[str, Any], says: str) -> None:
    """Rehearsal, in force, soon over, over."""
    place.applied = replace(RULES, **change)
    (line,) = [line for line in place.ask("status")["lines"] if line["part"] == "sharing"]
    assert line["says"]["id"] == says


def test_status_says_when_the_clinic_ordered_a_freeze(place: Place) -> None:
    """A posture stands before the rules, with the way out."""
    place.ask("freeze")
    answer = place.ask("status")
    assert answer["lines"][-1]["says"]["id"] == "frozen: nothing is written into the EMR"
    assert answer["next"][-1]["id"] == "Put the slots back online: creneau sharing resume"


# ---- clinic IT


def test_emr_list_counts_codes_and_says_which_are_named(place: Place) -> None:
    """Types, people and sites, with the file's word or none."""
    named = {(row["kind"], row["code"]): row for row in place.ask("emr-list")["names"]}
    assert (named["type", "s"]["free"], named["type", "s"]["named"]) == (4, "sans-rendez-vous")
    assert named["type", "z"]["named"] is None
    assert named["practitioner", "101"]["named"] == "Dre A"
    assert named["practitioner", "999"]["named"] is None


def test_emr_list_counts_the_slots_of_a_source_that_cannot_list(place: Place) -> None:
    """Without the ability, the free slots themselves are counted; a lone site counts as named."""
    place.bare = True
    named = {(row["kind"], row["code"]): row for row in place.ask("emr-list")["names"]}
    assert named["practitioner", "102"]["free"] == 2
    assert named["site", "principal"]["named"] == "principal"


def test_a_secret_goes_in_and_never_comes_out(place: Place) -> None:
    """The value is stored; the ledger and the list have the name only."""
    place.ask("secret-set", name="dme", value="hunter2")
    assert place.vault.kept == {"dme": "hunter2"}
    assert place.ledger()[-1] == ("secret", WHO, b"dme")
    assert place.ask("secret-list") == {"secrets": [{"name": "dme", "stored": True, "used": True}]}


def test_a_source_without_a_secret_is_listed_as_missing(place: Place) -> None:
    """Names of sources are there before their secrets are."""
    assert place.ask("secret-list")["secrets"] == [{"name": "dme", "stored": False, "used": True}]


@pytest.mark.parametrize("args", [{"name": "Dme!", "value": "x"}, {"name": "dme", "value": ""}, {"name": "dme"}])
def test_a_secret_without_name_or_value_is_refused(place: Place, args: dict[str, str]) -> None:
    """Nothing is stored under a strange name, nor an empty password."""
    with pytest.raises(Refused):
        place.ask("secret-set", **args)
    assert place.vault.kept == {}


def test_enrolment_prints_the_fingerprint_and_keeps_no_code(place: Place) -> None:
    """The ledger has clinic, hub and fingerprint, never the one-time code."""
    answer = place.ask("enrol", code="K7QD-SECRET")
    assert answer["fingerprint"] == "1a2b-3c4d"
    kind, who, body = place.ledger()[-1]
    assert (kind, who) == ("enrol", WHO)
    assert b"SECRET" not in body
    assert place.reloads == 1


def test_check_looks_at_every_part(place: Place) -> None:
    """Each part has its finding, the worst one is named, nothing is changed."""
    place.vault.who = Identity("fjord", "https://hub.example.org", "i-1", "1a2b")
    place.found = [Finding("x.note", Severity.NOTE, say("well"), say("go on"))]
    before = place.ledger()
    answer = place.ask("check")
    assert {found["part"] for found in answer["findings"]} == {"config", "emr", "hub", "machine"}
    assert answer["worst"] == "note"
    assert place.ledger() == before


def test_check_shows_every_fault_of_the_file_with_its_line(place: Place) -> None:
    """All faults at once, with key, value, line and hint."""
    place.faults = Faults(
        (
            Fault("c.toml", "poll", "soon", 7, say("no duration"), say("60s")),
            Fault("c.toml", "id", "", 9, say("missing")),
        )
    )
    found = place.ask("check", part="config")["findings"]
    assert [(one["line"], one["key"], one["value"]) for one in found] == [(7, "poll", "soon"), (9, "id", "")]


def test_check_goes_on_when_a_part_is_down(place: Place) -> None:
    """What cannot be reached is a finding of its part; the other parts are still looked at."""
    place.down = Transient(say("connect"), say("timed out"), say("try again"))
    place.faults = Transient(say("read"), say("busy"))
    answer = place.ask("check")
    codes = {found["code"] for found in answer["findings"]}
    assert {"config.unreachable", "emr.unreachable", "hub.fault", "machine.unreachable"} <= codes
    assert answer["worst"] == "fault"


def test_check_of_a_source_that_says_nothing_is_a_line(place: Place) -> None:
    """An adapter without findings still shows that it answered."""
    place.bare = True
    assert place.ask("check", part="emr")["findings"][0]["code"] == "emr.read"


def test_check_says_when_the_file_is_applied(place: Place) -> None:
    """The note about unapplied rules goes away with the apply."""
    place.applied = RULES
    assert [found["code"] for found in place.ask("check", part="config")["findings"]] == ["config.read"]


def test_check_of_an_unknown_part_is_refused(place: Place) -> None:
    """There are four parts."""
    with pytest.raises(Refused):
        place.ask("check", part="kitchen")


def test_check_finds_a_full_disk_and_a_changed_ledger(place: Place) -> None:
    """A low disk and a broken chain are faults of the machine."""
    records = place.journal.records()
    sick = SimpleNamespace(sizes=lambda: SimpleNamespace(used=0, low=True), verify=lambda: 4, facts=records.facts)
    house = replace(place.house(), records=sick)
    found = Answers(house).ask("check", {"part": "machine"}, WHO)["findings"]
    assert {one["code"] for one in found} == {"machine.disk", "machine.ledger"}
