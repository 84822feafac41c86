"""What a server does with the writes a booking is made of, tried and not asked for.

Rule: a row answers (held, what was seen), makes only what its scratch remembers, and names no patient.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, TypeVar

from adapters.fhir.answer import Answer
from adapters.fhir.draft import cancelled
from adapters.fhir.line import UNKNOWN
from adapters.fhir.record import Applied, named, read
from adapters.fhir.records import our_id
from adapters.fhir.resources import relative
from adapters.fhir.scratch import REMARK, Scratch
from adapters.fhir.search import wholly
from adapters.fhir.terms import CLAIM
from agent.core.booking import Outcome
from agent.core.model import BookingId

T = TypeVar("T")
CROWD = 8
"""How many ask at once."""
Seen = tuple[bool, str]
"""Whether it held, and what was seen: codes and counts, the same in both languages."""


def keeps(scratch: Scratch) -> Seen:
    """Read an appointment of ours back, its names and all."""
    booking = scratch.booking()
    made = scratch.write("POST", "Appointment", scratch.appointment(booking)).json()
    again = scratch.line.read(f"Appointment/{made['id']}").json()
    own = read(again)
    return own is not None and own.booking == booking and own.applied.version == 1, ""


def fresh(scratch: Scratch) -> Seen:
    """Create and search at once, three times."""
    for _ in range(3):
        booking = scratch.booking()
        scratch.write("POST", "Appointment", scratch.appointment(booking))
        if len(scratch.found(booking)) != 1:
            return False, "0x"
    return True, ""


def mark(scratch: Scratch) -> Seen:
    """Make a slot busy under our mark and look for the mark."""
    slot, etag = scratch.slot()
    booking = scratch.booking()
    marked = {**slot, "status": "busy", "identifier": named(slot, claim=booking, claimed="1")}
    scratch.write("PUT", f"Slot/{slot['id']}", marked, {"If-Match": etag})
    rows = wholly(scratch.line, "Slot", [("identifier", f"{CLAIM}|{booking}")])
    return [row["id"] for row in rows if row.get("status") == "busy"] == [slot["id"]], ""


def stale_slot(scratch: Scratch) -> Seen:
    """Change a slot twice from the same version."""
    slot, etag = scratch.slot()
    scratch.write("PUT", f"Slot/{slot['id']}", {**slot, "comment": f"{REMARK} 1"}, {"If-Match": etag})
    late = scratch.line.write("PUT", f"Slot/{slot['id']}", {**slot, "comment": f"{REMARK} 2"}, {"If-Match": etag})
    return late.is_stale, f"HTTP {late.status}"


def stale_appointment(scratch: Scratch) -> Seen:
    """Change an appointment twice from the same version, and once from one that never was."""
    made = scratch.write("POST", "Appointment", scratch.appointment(scratch.booking()))
    one, path = made.json(), f"Appointment/{made.json()['id']}"
    scratch.write("PUT", path, {**one, "comment": f"{REMARK} 1"}, {"If-Match": made.etag})
    late = scratch.line.write("PUT", path, {**one, "comment": f"{REMARK} 2"}, {"If-Match": made.etag})
    wrong = scratch.line.write("PUT", path, {**one, "comment": f"{REMARK} 3"}, {"If-Match": UNKNOWN})
    return late.is_stale and wrong.is_stale, f"HTTP {late.status}, {wrong.status}"


def race_slot(scratch: Scratch) -> Seen:
    """Let eight change one slot at once."""
    slot, etag = scratch.slot()

    def change(n: int) -> int:
        body = {**slot, "comment": f"{REMARK} {n}"}
        return scratch.line.write("PUT", f"Slot/{slot['id']}", body, {"If-Match": etag}).status

    codes = sorted(_crowd(change))
    return sum(code < 300 for code in codes) == 1, _told(codes)


def create_twice(scratch: Scratch) -> Seen:
    """Create one booking twice, one after the other."""
    booking = scratch.booking()
    first, late = scratch.post(booking), scratch.post(booking)
    scratch.remember(first), scratch.remember(late)
    left = len(scratch.found(booking))
    good = first.is_good and (late.is_good or late.status in (304, 412))
    return left == 1 and good, f"HTTP {first.status}, {late.status}, {left}x"


def race_create(scratch: Scratch) -> Seen:
    """Let eight create one booking at once."""
    booking = scratch.booking()
    answers = _crowd(lambda _: scratch.post(booking))
    for answer in answers:
        scratch.remember(answer)
    left = len(scratch.found(booking))
    return left == 1, f"{_told(sorted(answer.status for answer in answers))}, {left}x"


def own_id_once(scratch: Scratch) -> Seen:
    """Create under an id of ours only if it is absent, twice."""
    booking = scratch.booking()
    path = f"Appointment/{our_id(booking)}"
    body = {**scratch.appointment(booking), "id": our_id(booking)}
    scratch.write("PUT", path, body, {"If-None-Match": "*"})
    late = scratch.line.write("PUT", path, body, {"If-None-Match": "*"})
    return late.is_stale, f"HTTP {late.status}"


def own_id(scratch: Scratch) -> Seen:
    """Create under an id of ours."""
    booking = scratch.booking()
    body = {**scratch.appointment(booking), "id": our_id(booking)}
    made = scratch.write("PUT", f"Appointment/{our_id(booking)}", body)
    return made.json().get("id") == our_id(booking), f"HTTP {made.status}"


def transaction(scratch: Scratch) -> Seen:
    """Try a good transaction first: a server that knows none refuses the bad one too."""
    slot, etag = scratch.slot()
    good, late = scratch.booking(), scratch.booking()
    whole = scratch.line.write("POST", "", _both(scratch, good, slot, etag))
    _remember(scratch, whole)
    if not whole.is_good or len(scratch.found(good)) != 1:
        return False, f"HTTP {whole.status}"
    answer = scratch.line.write("POST", "", _both(scratch, late, slot, UNKNOWN))
    _remember(scratch, answer)
    left = len(scratch.found(late))
    return not answer.is_good and left == 0, f"HTTP {answer.status}, {left}x"


def _remember(scratch: Scratch, whole: Answer) -> None:
    """Note what a transaction says it made; a server that knows none answers anything."""
    for entry in whole.json().get("entry") or ():
        made = entry.get("resource") or {}
        where = relative(str(entry.get("response", {}).get("location", "")))
        name = where or f"{made.get('resourceType', '')}/{made.get('id', '')}"
        scratch.note({name} if name.startswith("Appointment/") else set())


def _both(scratch: Scratch, booking: BookingId, slot: dict[str, Any], etag: str) -> dict[str, Any]:
    entries = [
        {"resource": scratch.appointment(booking), "request": {"method": "POST", "url": "Appointment"}},
        {"resource": slot, "request": {"method": "PUT", "url": f"Slot/{slot['id']}", "ifMatch": etag}},
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def tombstone(scratch: Scratch) -> Seen:
    """Create a cancelled appointment without times, find it, and book it."""
    booking = scratch.booking()
    gone = cancelled(booking, Applied(1, Outcome.CANCELLED))
    scratch.write("POST", "Appointment", {**gone, "identifier": named(gone, trial=scratch.schedule)})
    rows = scratch.found(booking)
    if len(rows) != 1 or rows[0].get("status") != "cancelled":
        return False, f"{len(rows)}x"
    now = scratch.line.read(f"Appointment/{rows[0]['id']}")
    back = {**scratch.appointment(booking), "id": rows[0]["id"]}
    again = scratch.line.write("PUT", f"Appointment/{rows[0]['id']}", back, {"If-Match": now.etag})
    return again.is_good, f"HTTP {again.status}"


def window(scratch: Scratch) -> Seen:
    """Ask for one of three slots, and see whether the others are told of."""
    for _ in range(3):
        scratch.slot()
    end = scratch.start + timedelta(days=1)
    bounds = [("start", f"ge{scratch.start:%Y-%m-%dT%H:%M:%SZ}"), ("start", f"lt{end:%Y-%m-%dT%H:%M:%SZ}")]
    page = scratch.line.read("Slot", [*bounds, ("schedule", scratch.schedule), ("_count", "1")]).json()
    links = sorted(str(link.get("relation", "")) for link in page.get("link") or ())
    told = "total" in page or bool(links)
    return told and bool(page.get("entry")), f"total {page.get('total', '-')}, links {' '.join(links) or '-'}"


def _told(codes: list[int]) -> str:
    return "HTTP " + ", ".join(f"{codes.count(code)}x {code}" for code in dict.fromkeys(codes))


def dated(scratch: Scratch) -> Seen:
    """Search an appointment by its day, as every read does."""
    made = scratch.write("POST", "Appointment", scratch.appointment(scratch.booking())).json()
    day = scratch.start.replace(hour=0) + timedelta(days=1)
    end = day + timedelta(days=1)
    bounds = [("date", f"ge{day:%Y-%m-%dT%H:%M:%SZ}"), ("date", f"lt{end:%Y-%m-%dT%H:%M:%SZ}")]
    rows = [row["id"] for row in wholly(scratch.line, "Appointment", bounds)]
    return made["id"] in rows, f"{len(rows)}x"


def deleted(scratch: Scratch) -> Seen:
    """Change an appointment that was deleted since it was read."""
    made = scratch.write("POST", "Appointment", scratch.appointment(scratch.booking()))
    path = f"Appointment/{made.json()['id']}"
    if not scratch.line.write("DELETE", path, None).is_good:
        return True, ""  # who cannot delete cannot do it at the wrong moment
    late = scratch.line.write("PUT", path, {**made.json(), "comment": f"{REMARK} 1"}, {"If-Match": made.etag})
    return not late.is_good, f"HTTP {late.status}"


def versioned(scratch: Scratch) -> Seen:
    """Read a slot with its version."""
    slot, _ = scratch.slot()
    answer = scratch.line.read(f"Slot/{slot['id']}")
    return bool(answer.etag), f"HTTP {answer.status}"


def _crowd(act: Callable[[int], T]) -> list[T]:
    with ThreadPoolExecutor(CROWD) as crowd:
        return list(crowd.map(act, range(CROWD)))
