"""`ledger list/export/verify`: what left, what came in, who did what; and the proof of it.

Rule: nothing is summed up that cannot be shown whole; the export is the ledger itself, byte for byte.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from agent.answers import ledgerfile
from agent.answers.house import Asked, House
from agent.answers.ledgerwords import told
from agent.answers.shape import moment, sentence
from agent.core.envelope import Rejected, recall
from agent.core.errors import Refused
from agent.core.message import say
from agent.core.proof import Examiner, Proof
from agent.ports import LedgerLine, Records

PAGE = 500
PAGE_BYTES = 4 << 20


def listing(house: House, asked: Asked) -> Mapping[str, Any]:
    """Answer {rows, next}: the last `limit` lines, or those after `after`; `kind`: of one kind alone.

    A row is {n, at, kind, what, who, detail, recipient, nature, purpose, bytes}; the last three are those of the register of
    communications, null for what no message carried. `next`: pass it as `after`, null at the end.
    """
    limit, kind = asked.number("limit", 50, least=1, most=10_000), asked.text("kind", "")
    records = house.records
    head = records.head()
    last = head.n if head else 0
    after = asked.number("after", max(0, last - limit))
    lines = records.ledger(after, limit)
    rows = [_row(house, line) for line in lines if kind in ("", line.kind)]
    return {"rows": rows, "next": lines[-1].n if lines and lines[-1].n < last else None}


def export(house: House, asked: Asked) -> Mapping[str, Any]:
    """Answer {header, lines, next}: a piece of the file that `ledger verify FILE` proves; begins after `after`.

    The first piece leaves a ledger line: who took a copy.
    """
    after = asked.number("after", 0)
    if after == 0:
        house.records.line("exported", b"ledger", asked.now, who=asked.who)
    before, previous = house.records.anchor()
    lines, size = [], 0
    for line in house.records.ledger(after, PAGE):
        lines.append(ledgerfile.written(line))
        size += len(line.body)
        if size > PAGE_BYTES:
            break
    head = house.records.head()
    done = not lines or head is None or lines[-1]["n"] >= head.n
    return {
        "header": ledgerfile.header(house.plan().clinic.name, before, previous),
        "lines": lines,
        "next": None if done else lines[-1]["n"],
    }


def verify(house: House, asked: Asked) -> Mapping[str, Any]:
    """Prove the journal's own ledger; see `proof_json`."""
    del asked
    before, previous = house.records.anchor()
    examiner = Examiner(previous, before)
    for piece in pieces(house.records, before):
        examiner.take(piece)
        if examiner.proof.wrong is not None:
            break
    return proof_json(examiner.proof)


def proof_json(proof: Proof) -> Mapping[str, Any]:
    """Return {whole, wrong: {n, why}|null, first, last, receipts, orders, countersigned, unproved, covered, signed, hub, fingerprint}."""
    return {
        "whole": proof.wrong is None,
        "wrong": None if proof.wrong is None else {"n": proof.wrong.n, "why": proof.wrong.why},
        "first": proof.first,
        "last": proof.last,
        "receipts": proof.receipts,
        "orders": proof.orders,
        "countersigned": proof.countersigned,
        "unproved": proof.unproved,
        "covered": proof.covered,
        "signed": moment(proof.signed_at),
        "hub": proof.hub,
        "fingerprint": proof.fingerprint,
    }


def regulatory(house: House, asked: Asked) -> Mapping[str, Any]:
    """Answer {rows}: the six fields of Regulation A-2.2, r. 1, s. 4 of every period published, by start.

    `since`, `until`: days of the periods, both included. Sent nowhere: version 1 only writes them down.
    """
    first, last = _day(asked, "since", date.min), _day(asked, "until", date.max)
    sites = {site.id: site for site in house.plan().sites}
    found: dict[str, Mapping[str, Any]] = {}
    start = _after(house.records, first)
    for piece in pieces(house.records, start):
        for line in piece:
            for slot in published(line):
                if first <= datetime.fromisoformat(slot["start"]).date() <= last:
                    found.setdefault(slot["id"], slot)
    house.records.line("exported", b"regulatory", asked.now, who=asked.who)
    rows = sorted(found.values(), key=lambda slot: (slot["start"], slot["id"]))
    return {
        "rows": [
            {
                "bookable_from": slot["bookable_from"],
                "start": slot["start"],
                "end": slot["end"],
                "clientele": slot["clientele"],
                "reason": slot["reason"],
                "redirect": slot.get("redirect", ""),
                "mode": slot["mode"],
                "place": sites[slot["site"]].name if slot["site"] in sites else slot["site"],
                "contact": f"{sites[slot['site']].address}, {sites[slot['site']].phone}"
                if slot["site"] in sites
                else "",
            }
            for slot in rows
        ]
    }


def pieces(records: Records, after: int) -> Iterator[list[LedgerLine]]:
    """Read the ledger in pieces, from the line after number `after`."""
    while piece := list(records.ledger(after, PAGE)):
        yield piece
        after = piece[-1].n


def published(line: LedgerLine) -> list[Mapping[str, Any]]:
    """Return the slots a sent line put at the hub, as they stood on the wire."""
    claims = claims_of(line)
    if line.kind != "sent" or claims.get("path") != "offer":
        return []
    return [*claims.get("snapshot", ()), *claims.get("changes", {}).get("put", ())]


def claims_of(line: LedgerLine) -> Mapping[str, Any]:
    """Return the members of a signed message, {} for what is none."""
    try:
        return recall(line.body.decode("ascii")).claims
    except (Rejected, ValueError):
        return {}


def first_since(records: Records, at: datetime) -> int:
    """Return the number of the last line before `at`, by halving: lines stand in the order of their times."""
    head = records.head()
    low, high = records.anchor()[0], head.n if head else 0
    while low < high:
        middle = (low + high + 1) // 2
        line = records.ledger(middle - 1, 1)
        low, high = (middle, high) if line and line[0].at < at else (low, middle - 1)
    return low


def _after(records: Records, day: date) -> int:
    """Return where to begin to find all that was published for this day: a slot is published at most a year ahead."""
    if day == date.min:
        return records.anchor()[0]
    return first_since(records, datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=370))


def _day(asked: Asked, name: str, default: date) -> date:
    text = asked.text(name, "")
    try:
        return date.fromisoformat(text) if text else default
    except ValueError:
        raise Refused(
            say("read the day"), say("{text} is no day", text=text[:40]), say("2026-11-30"), reason="when"
        ) from None


def _row(house: House, line: LedgerLine) -> Mapping[str, Any]:
    claims = claims_of(line) if line.kind in {"sent", "receipt", "received"} else {}
    words = told(line.kind, str(claims.get("path", "")))
    return {
        "n": line.n,
        "at": moment(line.at),
        "kind": line.kind,
        "what": sentence(words.what),
        "who": line.who,
        "detail": _detail(line, claims),
        "recipient": house.plan().hub.url if words.nature else None,
        "nature": sentence(words.nature) if words.nature else None,
        "purpose": sentence(words.purpose) if words.purpose else None,
        "bytes": len(line.body),
    }


def _detail(line: LedgerLine, claims: Mapping[str, Any]) -> str:
    """Return what a person may want of the body: counts of slots, numbers of bookings, the words of an act."""
    if line.kind == "sent" and claims.get("path") == "offer":
        changes = claims.get("changes", {})
        return f"+{len(published(line))} -{len(changes.get('del', ()))}"
    if line.kind == "sent":
        return ", ".join(f"{one['booking']}: {one['outcome']}" for one in claims.get("outcomes", ()))
    if line.kind == "received":
        return f"{claims.get('booking', '?')} v{claims.get('version', '?')}"
    if line.kind in _ACTS:
        return _act(line)
    return ""


_ACTS = {"sharing", "posture", "veto", "task", "viewed", "exported", "pruned", "restart", "secret"}


def _act(line: LedgerLine) -> str:
    """Return an act's body without what only a machine reads."""
    text = line.body.decode("utf-8", "replace")
    try:
        found = json.loads(text)
    except ValueError:
        return text[:80]
    if not isinstance(found, dict):
        return text[:80]
    if line.kind == "veto":
        return ", ".join(
            f"{'-' if value is None else '+'}{name.removeprefix('veto:')}" for name, value in found.items()
        )
    return ", ".join(
        f"{name}={value}" for name, value in found.items() if name not in {"sharing_applied", "rules", "head"}
    )
