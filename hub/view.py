"""The slots a clinic lets the hub offer, equal to the clinic's own view or not offered at all.

Rule: a change is applied whole and proved by count and roots, or not at all; (epoch, seq) never goes back.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, or_, select, update

from agent.core.changes import line
from agent.core.model import SlotId
from agent.core.sharing import revive
from hub.problem import Problem
from hub.schema import CLINIC, SITE, SLOT, micros
from hub.wire import Offer, Renew

VALIDITY = timedelta(minutes=10)
_NAME = re.compile(r"[A-Za-z0-9_-]{22}")
_CHUNK = 500  # databases limit the parameters of one statement


def offered(now: int) -> ColumnElement[bool]:
    """Return the condition under which a slot, joined to its site and clinic, may be shown and ordered."""
    return and_(
        CLINIC.c.offers,
        SITE.c.renewed > now - VALIDITY // timedelta(microseconds=1),
        SLOT.c.start > now,
        SLOT.c.booking.is_(None),
        or_(SLOT.c.freed.is_(None), SITE.c.renewed > SLOT.c.freed),
    )


def joined() -> Any:
    """Return slots with their sites and clinics."""
    place = and_(SITE.c.clinic == SLOT.c.clinic, SITE.c.id == SLOT.c.site)
    return SLOT.join(SITE, place).join(CLINIC, CLINIC.c.id == SLOT.c.clinic)


def held(conn: Connection, clinic: Row[Any]) -> dict[str, Any]:
    """Return {"epoch", "seq", "roots"} as the hub holds them."""
    rows = conn.execute(select(SITE.c.id, SITE.c.root).where(SITE.c.clinic == clinic.id)).all()
    return {"epoch": clinic.epoch, "seq": clinic.seq, "roots": {row.id: row.root for row in rows}}


def apply(conn: Connection, clinic: Row[Any], offer: Offer, as_of: int) -> dict[str, Any]:
    """Apply a snapshot or a difference and return what is held then. Raises Problem: stale-epoch, resync, schema.

    `as_of`: when the clinic said so. From there on the sites touched are valid, those it had just read.
    """
    before = held(conn, clinic)
    if offer.epoch is None and offer.snapshot is None:
        raise Problem("schema", {"where": ["epoch", "snapshot"]})
    if offer.epoch is not None:
        if offer.epoch != clinic.epoch or clinic.epoch == 0:
            raise Problem("stale-epoch", {"held": before})
        if offer.seq == clinic.seq and offer.roots == before["roots"]:
            return before
        if offer.seq <= clinic.seq or offer.base_seq > clinic.seq:
            raise Problem("resync", {"held": before})
    if offer.snapshot is not None:
        after = _replace(conn, clinic.id, offer, as_of)
    else:
        after = before["roots"] | _amend(conn, clinic.id, offer, as_of)
    count = conn.scalar(select(func.count()).select_from(SLOT).where(SLOT.c.clinic == clinic.id))
    if (count, after) != (offer.count, offer.roots) or (
        offer.snapshot is None and after.keys() != before["roots"].keys()
    ):
        raise Problem("resync", {"held": before})
    epoch = clinic.epoch + 1 if offer.epoch is None else clinic.epoch
    conn.execute(update(CLINIC).where(CLINIC.c.id == clinic.id).values(epoch=epoch, seq=offer.seq))
    return {"epoch": epoch, "seq": offer.seq, "roots": after}


def renew(conn: Connection, clinic: Row[Any], proof: Renew, as_of: int) -> str:
    """Renew the sites the agent proved equal at `as_of`; return "" or the problem: stale-epoch, resync.

    A proof older than what is held was overtaken by an offer: it renews what is still equal and asks for nothing.
    """
    if proof.epoch != clinic.epoch or clinic.epoch == 0:
        return "stale-epoch"
    roots = held(conn, clinic)["roots"]
    equal = [site for site, root in proof.roots.items() if roots.get(site) == root]
    _renewed(conn, clinic.id, equal, as_of)
    differs = len(equal) < len(proof.roots) or proof.seq > clinic.seq
    return "resync" if differs and proof.seq >= clinic.seq else ""


def take(conn: Connection, clinic: str, slot: str, booking: str) -> None:
    """Hide a slot: an order of `booking` stands on it."""
    conn.execute(update(SLOT).where(SLOT.c.clinic == clinic, SLOT.c.id == slot).values(booking=booking, freed=None))


def free(conn: Connection, clinic: str, booking: str, now: int, *, keep: str | None) -> None:
    """Let go of what the booking's orders stood on, save `keep`; offered again once the site is confirmed after now."""
    theirs = (SLOT.c.clinic == clinic, SLOT.c.booking == booking)
    others = (*theirs, SLOT.c.id != keep) if keep else theirs
    conn.execute(update(SLOT).where(*others).values(booking=None, freed=now))


def _replace(conn: Connection, clinic: str, offer: Offer, as_of: int) -> dict[str, str]:
    """Make the snapshot the whole view; a slot that keeps its id keeps the order that stands on it."""
    sites = offer.sites
    if sites is None:
        raise Problem("schema", {"where": ["sites"]})
    slots = _read(offer.snapshot or ())
    known = {site.id for site in sites}
    if any(row["site"] not in known for row in slots.values()):
        raise Problem("schema", {"where": ["snapshot", "site"]})
    bound = _bound(conn, clinic)
    conn.execute(delete(SLOT).where(SLOT.c.clinic == clinic))
    conn.execute(delete(SITE).where(SITE.c.clinic == clinic))
    _insert(conn, clinic, slots, bound)
    roots = {site: root(row["leaf"] for row in slots.values() if row["site"] == site) for site in sorted(known)}
    rows = [
        {"clinic": clinic, "id": site.id, "details": site.model_dump_json(), "root": roots[site.id], "renewed": 0}
        for site in sites
    ]
    if rows:
        conn.execute(insert(SITE), rows)
    _renewed(conn, clinic, _just_read(offer, known), as_of)
    return roots


def _amend(conn: Connection, clinic: str, offer: Offer, as_of: int) -> dict[str, str]:
    """Put and delete; return the roots of the sites touched, and renew those the clinic had just read.

    A clinic that cannot read its agenda still withdraws, and what it leaves in the view is no fresher for that.
    """
    change = offer.changes
    put = _read(change.put) if change else {}
    gone = [*(change.gone if change else ()), *put]
    bound = _bound(conn, clinic)
    touched = {row["site"] for row in put.values()}
    for chunk in _chunks(gone):
        these = (SLOT.c.clinic == clinic, SLOT.c.id.in_(chunk))
        touched |= set(conn.scalars(select(SLOT.c.site).where(*these).distinct()))
        conn.execute(delete(SLOT).where(*these))
    _insert(conn, clinic, put, bound)
    roots = {}
    for site in sorted(touched):
        leaves = conn.scalars(select(SLOT.c.leaf).where(SLOT.c.clinic == clinic, SLOT.c.site == site))
        roots[site] = root(leaves)
        conn.execute(update(SITE).where(SITE.c.clinic == clinic, SITE.c.id == site).values(root=roots[site]))
    _renewed(conn, clinic, _just_read(offer, roots), as_of)
    return roots


def _just_read(offer: Offer, sites: Iterable[str]) -> list[str]:
    return [site for site in sites if offer.read is None or site in offer.read]


def root(leaves: Iterable[str]) -> str:
    """Return the hex root of a site from the hex leaves of its slots."""
    return hashlib.sha256(b"\x01" + b"".join(sorted(bytes.fromhex(leaf) for leaf in leaves))).hexdigest()


def _read(slots: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return slots by id, each as its row less clinic and order."""
    rows: dict[str, dict[str, Any]] = {}
    for place, members in enumerate(slots):
        fault = Problem("schema", {"where": [f"slot {place}"]})
        name = members.get("id")
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name in rows:
            raise fault
        try:
            shared = revive(members)
        except ValueError:
            raise fault from None
        rows[name] = {
            "site": shared.site,
            "start": micros(shared.start),
            "ends": micros(shared.end),
            "pool": f"{shared.clientele}|{shared.reason}|{shared.mode}",
            "slot": json.dumps({key: value for key, value in members.items() if value is not None}),
            "leaf": hashlib.sha256(b"\x00" + line(shared, SlotId(name))).hexdigest(),
        }
    return rows


def _insert(
    conn: Connection, clinic: str, slots: Mapping[str, Mapping[str, Any]], bound: Mapping[str, Mapping[str, Any]]
) -> None:
    nothing = {"booking": None, "freed": None}
    rows = [{"clinic": clinic, "id": name, **row, **bound.get(name, nothing)} for name, row in slots.items()]
    if rows:
        conn.execute(insert(SLOT), rows)


def _bound(conn: Connection, clinic: str) -> dict[str, dict[str, Any]]:
    """Return the slots an order stands on, or stood on."""
    stands = or_(SLOT.c.booking.is_not(None), SLOT.c.freed.is_not(None))
    rows = conn.execute(select(SLOT.c.id, SLOT.c.booking, SLOT.c.freed).where(SLOT.c.clinic == clinic, stands))
    return {row.id: {"booking": row.booking, "freed": row.freed} for row in rows}


def _renewed(conn: Connection, clinic: str, sites: Iterable[str], as_of: int) -> None:
    """Renew, and never go back: an older request may come later."""
    for chunk in _chunks(list(sites)):
        these = (SITE.c.clinic == clinic, SITE.c.id.in_(chunk), SITE.c.renewed < as_of)
        conn.execute(update(SITE).where(*these).values(renewed=as_of))


def _chunks(names: Sequence[str]) -> Iterable[Sequence[str]]:
    return (names[i : i + _CHUNK] for i in range(0, len(names), _CHUNK))
