"""What a server does besides, that changes nothing in how a booking is written, but that whoever runs it should know.

Rule: a row costs a handful of requests; what would cost more, and change nothing, is told in docs/connect-fhir.md.
"""

from datetime import UTC, timedelta

from adapters.fhir.behaviour import Seen
from adapters.fhir.line import UNKNOWN
from adapters.fhir.scratch import REMARK, Scratch

PATCH = {"Content-Type": "application/json-patch+json"}
OVERLAP = timedelta(minutes=2)


def patched(scratch: Scratch) -> Seen:
    """Patch a slot from a version that never was; a server that knows no PATCH refuses too."""
    slot, _ = scratch.slot()
    change = [{"op": "replace", "path": "/comment", "value": f"{REMARK} 1"}]
    answer = scratch.line.write("PATCH", f"Slot/{slot['id']}", change, {**PATCH, "If-Match": UNKNOWN})
    return not answer.is_good, f"HTTP {answer.status}"


def answered(scratch: Scratch) -> Seen:
    """Create and change an appointment, and see what the answers hold."""
    answer = scratch.line.write("POST", "Appointment", scratch.appointment(scratch.booking()))
    name = scratch.remember(answer)
    now = scratch.line.read(name)
    changed = scratch.line.write("PUT", name, {**now.json(), "comment": f"{REMARK} 1"}, {"If-Match": now.etag})
    whole = all(one.is_good and one.body and one.etag for one in (answer, changed))
    return whole, f"HTTP {answer.status}, {changed.status}, {len(answer.body)}, {len(changed.body)} B"


def unmodified(scratch: Scratch) -> Seen:
    """Read a slot only if it is another version than the one we have."""
    slot, etag = scratch.slot()
    answer = scratch.line.read(f"Slot/{slot['id']}", headers={"If-None-Match": etag})
    return answer.status == 304, f"HTTP {answer.status}"


def unchanged(scratch: Scratch) -> Seen:
    """Write a slot back as it is."""
    slot, etag = scratch.slot()
    scratch.line.write("PUT", f"Slot/{slot['id']}", slot, {"If-Match": etag})
    after = scratch.line.read(f"Slot/{slot['id']}")
    return after.etag == etag, f"{etag} {after.etag}"


def renewed(scratch: Scratch) -> Seen:
    """Ask for slots newer than two minutes, after one was made."""
    slot, _ = scratch.slot()
    since = scratch.line.at.astimezone(UTC) - OVERLAP
    params = [("_lastUpdated", f"gt{since:%Y-%m-%dT%H:%M:%SZ}"), ("_count", "500")]
    page = scratch.line.read("Slot", params)
    rows = [entry.get("resource", {}).get("id") for entry in page.json().get("entry") or ()] if page.is_good else []
    return slot["id"] in rows, f"HTTP {page.status}, {len(rows)}x"


def unknown(scratch: Scratch) -> Seen:
    """Search by a parameter that no server knows."""
    scratch.slot()
    page = scratch.line.read("Slot", [("creneau-no-such-parameter", "1"), ("_count", "1")])
    rows = len(page.json().get("entry") or ()) if page.is_good else 0
    return not page.is_good, f"HTTP {page.status}, {rows}x"


def sensible(scratch: Scratch) -> Seen:
    """Make a slot that ends before it begins."""
    body = {**scratch.slot()[0], "end": f"{scratch.start - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"}
    del body["id"]
    answer = scratch.line.write("POST", "Slot", body)
    scratch.remember(answer)
    return not answer.is_good, f"HTTP {answer.status}"
