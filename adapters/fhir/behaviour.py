"""The rows of a trial: one behaviour of a server each, tried and not asked for.

Rule: a row answers (held, what was seen), makes only what its scratch remembers, and names no patient.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from adapters.fhir.draft import cancelled
from adapters.fhir.record import Applied, named, read
from adapters.fhir.records import our_id
from adapters.fhir.scratch import Scratch
from adapters.fhir.search import wholly
from adapters.fhir.terms import CLAIM
from agent.core.booking import Outcome
from agent.core.model import BookingId

CROWD = 8
"""How many ask at once."""
WRONG = 'W/"creneau-no-such-version"'

NAMES = "appointments keep our names"
RACE = "of eight who change a slot at once, one succeeds"
DOUBLES = "of eight who create one booking at once, one succeeds"
"""Where it does not hold, whoever creates looks again and strikes the doubles: see records.py."""
Row = Callable[[Scratch], tuple[bool, str]]


def _keeps(scratch: Scratch) -> tuple[bool, str]:
    booking = scratch.booking()
    made = scratch.done(scratch.line.write("POST", "Appointment", scratch.appointment(booking))).json()
    again = scratch.line.read(f"Appointment/{made['id']}").json()
    own = read(again)
    return own is not None and own.booking == booking and own.applied.version == 1, ""


def _fresh(scratch: Scratch) -> tuple[bool, str]:
    for _ in range(3):
        booking = scratch.booking()
        scratch.done(scratch.line.write("POST", "Appointment", scratch.appointment(booking)))
        if len(scratch.found(booking)) != 1:
            return False, "a search lags behind"
    return True, ""


def _mark(scratch: Scratch) -> tuple[bool, str]:
    slot, etag = scratch.slot()
    booking = scratch.booking()
    marked = {**slot, "status": "busy", "identifier": named(slot, claim=booking, claimed="1")}
    scratch.done(scratch.line.write("PUT", f"Slot/{slot['id']}", marked, {"If-Match": etag}))
    rows = wholly(scratch.line, "Slot", [("identifier", f"{CLAIM}|{booking}")])
    return [row["id"] for row in rows if row.get("status") == "busy"] == [slot["id"]], ""


def _stale_slot(scratch: Scratch) -> tuple[bool, str]:
    slot, etag = scratch.slot()
    scratch.done(scratch.line.write("PUT", f"Slot/{slot['id']}", {**slot, "comment": "1"}, {"If-Match": etag}))
    late = scratch.line.write("PUT", f"Slot/{slot['id']}", {**slot, "comment": "2"}, {"If-Match": etag})
    return late.is_stale, f"HTTP {late.status}"


def _stale_appointment(scratch: Scratch) -> tuple[bool, str]:
    made = scratch.done(scratch.line.write("POST", "Appointment", scratch.appointment(scratch.booking())))
    one, path = made.json(), f"Appointment/{made.json()['id']}"
    scratch.done(scratch.line.write("PUT", path, {**one, "comment": "1"}, {"If-Match": made.etag}))
    late = scratch.line.write("PUT", path, {**one, "comment": "2"}, {"If-Match": made.etag})
    wrong = scratch.line.write("PUT", path, {**one, "comment": "3"}, {"If-Match": WRONG})
    return late.is_stale and wrong.is_stale, f"HTTP {late.status}, {wrong.status}"


def _race_slot(scratch: Scratch) -> tuple[bool, str]:
    slot, etag = scratch.slot()

    def change(n: int) -> int:
        body = {**slot, "comment": f"{n}"}
        return scratch.line.write("PUT", f"Slot/{slot['id']}", body, {"If-Match": etag}).status

    codes = _crowd(change)
    return sum(code < 300 for code in codes) == 1, f"HTTP {sorted(codes)}"


def _create_twice(scratch: Scratch) -> tuple[bool, str]:
    booking = scratch.booking()
    scratch.done(scratch.post(booking))
    late = scratch.post(booking)
    left = len(scratch.found(booking))
    return left == 1 and (late.is_good or late.status in (304, 412)), f"HTTP {late.status}, {left} made"


def _race_create(scratch: Scratch) -> tuple[bool, str]:
    booking = scratch.booking()
    codes = _crowd(lambda _: scratch.post(booking).status)
    left = len(scratch.found(booking))
    return left == 1, f"HTTP {sorted(codes)}, {left} made"


def _our_id_once(scratch: Scratch) -> tuple[bool, str]:
    booking = scratch.booking()
    path = f"Appointment/{our_id(booking)}"
    body = {**scratch.appointment(booking), "id": our_id(booking)}
    scratch.done(scratch.line.write("PUT", path, body, {"If-None-Match": "*"}))
    late = scratch.line.write("PUT", path, body, {"If-None-Match": "*"})
    return late.is_stale, f"HTTP {late.status}"


def _our_id(scratch: Scratch) -> tuple[bool, str]:
    booking = scratch.booking()
    body = {**scratch.appointment(booking), "id": our_id(booking)}
    made = scratch.done(scratch.line.write("PUT", f"Appointment/{our_id(booking)}", body))
    return made.json().get("id") == our_id(booking), f"HTTP {made.status}"


def _transaction(scratch: Scratch) -> tuple[bool, str]:
    """Try a good transaction first: a server that knows none refuses the bad one too."""
    slot, etag = scratch.slot()
    good, late = scratch.booking(), scratch.booking()
    whole = scratch.line.write("POST", "", _both(scratch, good, slot, etag))
    if not whole.is_good or len(scratch.found(good)) != 1:
        return False, f"HTTP {whole.status} to a good one"
    answer = scratch.line.write("POST", "", _both(scratch, late, slot, WRONG))
    left = len(scratch.found(late))
    return not answer.is_good and left == 0, f"HTTP {answer.status}, {left} kept"


def _both(scratch: Scratch, booking: BookingId, slot: dict[str, Any], etag: str) -> dict[str, Any]:
    entries = [
        {"resource": scratch.appointment(booking), "request": {"method": "POST", "url": "Appointment"}},
        {"resource": slot, "request": {"method": "PUT", "url": f"Slot/{slot['id']}", "ifMatch": etag}},
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def _tombstone(scratch: Scratch) -> tuple[bool, str]:
    booking = scratch.booking()
    scratch.done(scratch.line.write("POST", "Appointment", cancelled(booking, Applied(1, Outcome.CANCELLED))))
    rows = scratch.found(booking)
    if len(rows) != 1 or rows[0].get("status") != "cancelled":
        return False, "not found again"
    now = scratch.line.read(f"Appointment/{rows[0]['id']}")
    back = {**scratch.appointment(booking), "id": rows[0]["id"]}
    again = scratch.line.write("PUT", f"Appointment/{rows[0]['id']}", back, {"If-Match": now.etag})
    return again.is_good, f"HTTP {again.status} when booked again"


def _window(scratch: Scratch) -> tuple[bool, str]:
    for _ in range(3):
        scratch.slot()
    end = scratch.start + timedelta(days=1)
    bounds = [("start", f"ge{scratch.start:%Y-%m-%dT%H:%M:%SZ}"), ("start", f"lt{end:%Y-%m-%dT%H:%M:%SZ}")]
    page = scratch.line.read("Slot", [*bounds, ("schedule", scratch.schedule), ("_count", "1")]).json()
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
