"""Try a server's behaviour on an empty schedule, row by row, and say what its writes can carry.

Rule: nothing is believed from the server's own statement; what was made is taken away again, whatever happened.
"""

import logging
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.fhir.draft import NOBODY, cancelled
from adapters.fhir.line import Answer, Line
from adapters.fhir.profile import Create, Profile
from adapters.fhir.record import Applied, named, read
from adapters.fhir.records import our_id
from adapters.fhir.search import wholly
from adapters.fhir.terms import BOOKING, CLAIM, Terms
from agent.core.booking import Outcome
from agent.core.errors import CreneauError, Misconfigured, Refused
from agent.core.message import say
from agent.core.model import BookingId
from agent.ports import Proved, Tools

log = logging.getLogger("creneau.adapters.fhir")

AWAY = timedelta(days=400)
"""Trial slots lie this far ahead, beyond every horizon."""
CROWD = 8
"""How many ask at once."""
WRONG = 'W/"creneau-no-such-version"'


@dataclass
class Bench:
    """What a trial works with. `made`: "Type/id" of all it made, to be taken away."""

    line: Line
    schedule: str
    actor: str
    start: datetime
    token: Callable[[], str]
    made: set[str] = field(default_factory=set)
    seen: dict[str, str] = field(default_factory=dict)
    _nth: int = 0

    def booking(self) -> BookingId:
        """Return a booking nobody has."""
        return BookingId(f"trial-{self.token()}")

    def slot(self) -> tuple[dict[str, Any], str]:
        """Make a free Slot; return it with its version. Raises Refused."""
        start = self.start + timedelta(minutes=15 * self._nth)
        self._nth += 1
        body = {
            "resourceType": "Slot",
            "schedule": {"reference": self.schedule},
            "status": "free",
            "start": f"{start:%Y-%m-%dT%H:%M:%SZ}",
            "end": f"{start + timedelta(minutes=15):%Y-%m-%dT%H:%M:%SZ}",
        }
        made = self.done(self.line.write("POST", "Slot", body))
        return made.json(), made.etag

    def appointment(self, booking: BookingId, status: str = "booked") -> dict[str, Any]:
        """Return an Appointment for a booking, not sent."""
        start = self.start + timedelta(days=1)
        return {
            "resourceType": "Appointment",
            "identifier": named({}, booking=booking, applied=str(Applied(1, Outcome.BOOKED))),
            "status": status,
            "start": f"{start:%Y-%m-%dT%H:%M:%SZ}",
            "end": f"{start + timedelta(minutes=15):%Y-%m-%dT%H:%M:%SZ}",
            "participant": [{"actor": {"reference": self.actor}, "status": "accepted"} if self.actor else NOBODY],
        }

    def post(self, booking: BookingId) -> Answer:
        """Create conditionally on the booking's name."""
        name = {"If-None-Exist": f"identifier={BOOKING}|{booking}"}
        return self.line.write("POST", "Appointment", self.appointment(booking), name)

    def found(self, booking: BookingId) -> list[dict[str, Any]]:
        """Return the Appointments a search finds."""
        rows = wholly(self.line, "Appointment", [("identifier", f"{BOOKING}|{booking}")])
        mine = [row for row in rows if (one := read(row)) is not None and one.booking == booking]
        self.made |= {f"Appointment/{row['id']}" for row in mine}
        return mine

    def done(self, answer: Answer) -> Answer:
        """Remember what was made. Raises Refused when it was not."""
        if not answer.is_good:
            what = say("the FHIR server refuses a trial (HTTP {code} {issue})", code=answer.status, issue=answer.issue)
            raise Refused(say("try the FHIR server"), what, reason="trial")
        one = answer.json()
        if one.get("id"):
            self.made.add(f"{one['resourceType']}/{one['id']}")
        return answer

    def clear(self) -> None:
        """Take away what was made; what cannot be deleted is marked as entered in error."""
        for name in sorted(self.made):
            try:
                answer = self.line.write("DELETE", name, None)
                if not answer.is_good and not answer.is_gone:
                    now = self.line.read(name)
                    if now.is_good:
                        wrong = {**now.json(), "status": "entered-in-error"}
                        self.line.write("PUT", name, wrong, {"If-Match": now.etag})
            except CreneauError:
                log.warning("trial.left resource=%s", name)


def trial(line: Line, terms: Terms, scratch: str, covers: str, tools: Tools) -> Generator[Proved, None, Profile]:
    """Yield a line a row and return the profile. Raises Refused when `scratch` is no empty schedule.

    A row that does not hold is an ability this server has not: the way of writing is chosen without it. Only a server
    that does not keep our names breaks a promise, because then nothing can be written at all.
    """
    bench = _bench(line, scratch, tools)
    kept: dict[str, bool] = {}
    try:
        for name, row in ROWS:
            try:
                good, says = row(bench)
            except (Refused, Misconfigured, KeyError) as wrong:
                good, says = False, str(wrong)
            kept[name] = good
            bench.seen[name] = says or ("yes" if good else "no")
            yield Proved(name, True if good else False if name == NAMES else None, "" if good else says)
    finally:
        bench.clear()
    profile = Profile(
        fingerprint=covers,
        software=software(line),
        create=_create(kept),
        keeps=kept[NAMES],
        guards=kept["a stale change of an appointment is refused"] and not terms.guide.by_name,
        claims=kept["a slot keeps our mark"] and kept["a stale change of a slot is refused"] and kept[RACE],
        fresh=kept["a search finds at once what was written"],
        atomic=kept["a failed transaction is undone whole"],
        tombstones=kept["a cancellation of nothing is remembered"],
        seen=bench.seen,
    )
    yield Proved("writes are right without a turn", profile.is_fenced or None, "" if profile.is_fenced else UNFENCED)
    return profile


NAMES = "appointments keep our names"
RACE = "of eight who change a slot at once, one succeeds"
DOUBLES = "of eight who create one booking at once, one succeeds"
"""Where it does not hold, whoever creates looks again and strikes the doubles: see records.py."""
UNFENCED = "this server is written to only while the hub's turn lasts"


def software(line: Line) -> str:
    """Return name and version as the server states them, "" when it states none."""
    answer = line.read("metadata")
    stated = answer.json() if answer.is_good else {}
    if stated.get("resourceType") != "CapabilityStatement":
        return ""
    product = stated.get("software") or {}
    return f"{product.get('name', '')} {product.get('version', '')} R{stated.get('fhirVersion', '')}".strip()


def _bench(line: Line, scratch: str, tools: Tools) -> Bench:
    doing, name = say("try the FHIR server"), f"Schedule/{scratch.removeprefix('Schedule/')}"
    answer = line.read(name)
    if not answer.is_good or answer.json().get("resourceType") != "Schedule":
        raise Refused(doing, say("there is no {schedule} on this server", schedule=name), reason="scratch")
    for row in wholly(line, "Slot", [("schedule", name)]):
        if row.get("schedule", {}).get("reference", "").endswith(name):
            what = say("{schedule} has slots: a trial needs an empty one", schedule=name)
            raise Refused(doing, what, say("ask the vendor for an empty trial schedule"), reason="scratch")
    actors = [ref.get("reference", "") for ref in answer.json().get("actor") or ()]
    far = (tools.clock.now().utc + AWAY).astimezone(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    return Bench(line, name, next(iter(actors), ""), far, tools.dice.token)


def _create(kept: dict[str, bool]) -> Create:
    if kept["our id is taken only once"]:
        return "if-none-match"
    if kept["a second creation of one booking finds the first"]:
        return "if-none-exist"
    return "client-id" if kept["an appointment may bear our id"] else "search"


# ---- the rows: (kept, what was seen)

Row = Callable[[Bench], tuple[bool, str]]


def _keeps(bench: Bench) -> tuple[bool, str]:
    booking = bench.booking()
    made = bench.done(bench.line.write("POST", "Appointment", bench.appointment(booking))).json()
    again = bench.line.read(f"Appointment/{made['id']}").json()
    own = read(again)
    return own is not None and own.booking == booking and own.applied.version == 1, ""


def _fresh(bench: Bench) -> tuple[bool, str]:
    for _ in range(3):
        booking = bench.booking()
        bench.done(bench.line.write("POST", "Appointment", bench.appointment(booking)))
        if len(bench.found(booking)) != 1:
            return False, "a search lags behind"
    return True, ""


def _mark(bench: Bench) -> tuple[bool, str]:
    slot, etag = bench.slot()
    booking = bench.booking()
    marked = {**slot, "status": "busy", "identifier": named(slot, claim=booking, claimed="1")}
    bench.done(bench.line.write("PUT", f"Slot/{slot['id']}", marked, {"If-Match": etag}))
    rows = wholly(bench.line, "Slot", [("identifier", f"{CLAIM}|{booking}")])
    return [row["id"] for row in rows if row.get("status") == "busy"] == [slot["id"]], ""


def _stale_slot(bench: Bench) -> tuple[bool, str]:
    slot, etag = bench.slot()
    bench.done(bench.line.write("PUT", f"Slot/{slot['id']}", {**slot, "comment": "1"}, {"If-Match": etag}))
    late = bench.line.write("PUT", f"Slot/{slot['id']}", {**slot, "comment": "2"}, {"If-Match": etag})
    return late.is_stale, f"HTTP {late.status}"


def _stale_appointment(bench: Bench) -> tuple[bool, str]:
    made = bench.done(bench.line.write("POST", "Appointment", bench.appointment(bench.booking())))
    one, path = made.json(), f"Appointment/{made.json()['id']}"
    bench.done(bench.line.write("PUT", path, {**one, "comment": "1"}, {"If-Match": made.etag}))
    late = bench.line.write("PUT", path, {**one, "comment": "2"}, {"If-Match": made.etag})
    wrong = bench.line.write("PUT", path, {**one, "comment": "3"}, {"If-Match": WRONG})
    return late.is_stale and wrong.is_stale, f"HTTP {late.status}, {wrong.status}"


def _race_slot(bench: Bench) -> tuple[bool, str]:
    slot, etag = bench.slot()

    def change(n: int) -> int:
        body = {**slot, "comment": f"{n}"}
        return bench.line.write("PUT", f"Slot/{slot['id']}", body, {"If-Match": etag}).status

    codes = _crowd(change)
    return sum(code < 300 for code in codes) == 1, f"HTTP {sorted(codes)}"


def _create_twice(bench: Bench) -> tuple[bool, str]:
    booking = bench.booking()
    bench.done(bench.post(booking))
    late = bench.post(booking)
    left = len(bench.found(booking))
    return left == 1 and (late.is_good or late.status in (304, 412)), f"HTTP {late.status}, {left} made"


def _race_create(bench: Bench) -> tuple[bool, str]:
    booking = bench.booking()
    codes = _crowd(lambda _: bench.post(booking).status)
    left = len(bench.found(booking))
    return left == 1, f"HTTP {sorted(codes)}, {left} made"


def _our_id_once(bench: Bench) -> tuple[bool, str]:
    booking = bench.booking()
    path = f"Appointment/{our_id(booking)}"
    body = {**bench.appointment(booking), "id": our_id(booking)}
    bench.done(bench.line.write("PUT", path, body, {"If-None-Match": "*"}))
    late = bench.line.write("PUT", path, body, {"If-None-Match": "*"})
    return late.is_stale, f"HTTP {late.status}"


def _our_id(bench: Bench) -> tuple[bool, str]:
    booking = bench.booking()
    body = {**bench.appointment(booking), "id": our_id(booking)}
    made = bench.done(bench.line.write("PUT", f"Appointment/{our_id(booking)}", body))
    return made.json().get("id") == our_id(booking), f"HTTP {made.status}"


def _transaction(bench: Bench) -> tuple[bool, str]:
    """Try a good transaction first: a server that knows none refuses the bad one too."""
    slot, etag = bench.slot()
    good, late = bench.booking(), bench.booking()
    whole = bench.line.write("POST", "", _both(bench, good, slot, etag))
    if not whole.is_good or len(bench.found(good)) != 1:
        return False, f"HTTP {whole.status} to a good one"
    answer = bench.line.write("POST", "", _both(bench, late, slot, WRONG))
    left = len(bench.found(late))
    return not answer.is_good and left == 0, f"HTTP {answer.status}, {left} kept"


def _both(bench: Bench, booking: BookingId, slot: dict[str, Any], etag: str) -> dict[str, Any]:
    entries = [
        {"resource": bench.appointment(booking), "request": {"method": "POST", "url": "Appointment"}},
        {"resource": slot, "request": {"method": "PUT", "url": f"Slot/{slot['id']}", "ifMatch": etag}},
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def _tombstone(bench: Bench) -> tuple[bool, str]:
    booking = bench.booking()
    bench.done(bench.line.write("POST", "Appointment", cancelled(booking, Applied(1, Outcome.CANCELLED))))
    rows = bench.found(booking)
    if len(rows) != 1 or rows[0].get("status") != "cancelled":
        return False, "not found again"
    now = bench.line.read(f"Appointment/{rows[0]['id']}")
    back = {**bench.appointment(booking), "id": rows[0]["id"]}
    again = bench.line.write("PUT", f"Appointment/{rows[0]['id']}", back, {"If-Match": now.etag})
    return again.is_good, f"HTTP {again.status} when booked again"


def _window(bench: Bench) -> tuple[bool, str]:
    for _ in range(3):
        bench.slot()
    end = bench.start + timedelta(days=1)
    bounds = [("start", f"ge{bench.start:%Y-%m-%dT%H:%M:%SZ}"), ("start", f"lt{end:%Y-%m-%dT%H:%M:%SZ}")]
    page = bench.line.read("Slot", [*bounds, ("schedule", bench.schedule), ("_count", "1")]).json()
    links = sorted(str(link.get("relation", "")) for link in page.get("link") or ())
    told = "total" in page or bool(links)
    return told and bool(page.get("entry")), f"total {page.get('total', '-')}, links {' '.join(links) or '-'}"


def _crowd(act: Callable[[int], int]) -> list[int]:
    with ThreadPoolExecutor(CROWD) as crowd:
        return list(crowd.map(act, range(CROWD)))


ROWS: tuple[tuple[str, Row], ...] = (
    ("a page says whether more follows", _window),
    (NAMES, _keeps),
    ("a search finds at once what was written", _fresh),
    ("a slot keeps our mark", _mark),
    ("a stale change of a slot is refused", _stale_slot),
    ("a stale change of an appointment is refused", _stale_appointment),
    (RACE, _race_slot),
    ("a second creation of one booking finds the first", _create_twice),
    (DOUBLES, _race_create),
    ("our id is taken only once", _our_id_once),
    ("an appointment may bear our id", _our_id),
    ("a failed transaction is undone whole", _transaction),
    ("a cancellation of nothing is remembered", _tombstone),
)
