"""What a booking portal may ask: which slots are offered, whom to seal for, and to book, hold, move or cancel.

Rule: a portal sees offered slots and its own bookings, and never an open patient detail.
"""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from sqlalchemy import and_, or_, select
from starlette.concurrency import run_in_threadpool

from hub import orders, outcomes, view
from hub.hub import Hub
from hub.schema import BOOKING, CLINIC, CLINIC_KEY, PORTAL, SITE, SLOT, micros
from hub.wire import MOST, BookingName, Id, Outcome, Slot, SlotName

PAGE = 500
_BEARER = HTTPBearer(description="The token that `creneau hub portal NAME` showed once")
_STATUS = {"unknown-clinic": 404, "restored": 503}
_AGAIN = {"restored": {"Retry-After": "10"}}

Sealed = Annotated[str, StringConstraints(max_length=20_000, pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){4}$")]
"""A compact JWE: five base64url parts."""


class OfferedSlot(Slot):
    """A slot anyone may order now."""

    clinic: str


class Slots(BaseModel):
    """A page of slots by start; `after` asks for the next, null when this is the last."""

    slots: list[OfferedSlot]
    after: str | None


class PlaceOfCare(BaseModel):
    """A site as its clinic describes it; `outage_text` is for patients when online booking is down."""

    clinic: str
    id: str
    name: str
    address: str
    phone: str
    zone: str
    outage_text: str


class Sites(BaseModel):
    """Every site."""

    sites: list[PlaceOfCare]


class SealingKey(BaseModel):
    """`statement`: JWS (typ creneau-sealing-key+jws) by one of the clinic's `signing` keys; refuse a lower `n`."""

    clinic: str
    statement: str
    signing: list[dict[str, str]]


class PutBooking(BaseModel):
    """A versioned goal. `goal` null cancels; `hold` needs `until`; every firm goal needs the sealed patient."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Annotated[int, Field(ge=1, le=MOST, strict=True)]
    goal: SlotName | None
    firmness: Literal["hold", "firm"] = "firm"
    until: AwareDatetime | None = None
    expires_at: AwareDatetime | None = None
    patient: Sealed | None = Field(default=None, repr=False)

    @model_validator(mode="after")
    def _fits(self) -> "PutBooking":
        hold = self.firmness == "hold"
        if hold != (self.until is not None) or (self.goal is None and (hold or self.patient is not None)):
            raise ValueError("firmness, goal and until do not fit")
        if self.goal is not None and self.expires_at is None:
            raise ValueError("a goal needs expires_at")
        if self.goal is not None and not hold and self.patient is None:
            raise ValueError("a firm goal needs the sealed patient")
        return self


class Accepted(BaseModel):
    """The order is signed and on its way."""

    booking: str
    version: int


class BookingState(BaseModel):
    """What is known: one of three words, every outcome by rev, and other slots when this one was lost."""

    booking: str
    version: int
    word: Literal["booked", "not-booked", "being-checked"]
    outcomes: list[Outcome]
    alternatives: list[Slot]


def _hub(request: Request) -> Hub:
    hub: Hub = request.app.state.hub
    return hub


async def _portal(
    hub: Annotated[Hub, Depends(_hub)],
    request: Request,
    held: Annotated[HTTPAuthorizationCredentials, Depends(_BEARER)],
) -> str:
    """Return the portal's name. Raises HTTPException 401, 429."""
    if not hub.meter.admits(request.client.host if request.client else "", hub.clock.now()):
        raise HTTPException(429, "rate-limited", headers={"Retry-After": "5"})
    name = await run_in_threadpool(_named, hub, held.credentials)
    if name is None:
        raise HTTPException(401, "unknown-token", headers={"WWW-Authenticate": "Bearer"})
    return name


def _named(hub: Hub, bearer: str) -> str | None:
    digest = hashlib.sha256(bearer.encode()).hexdigest()
    with hub.store.read() as conn:
        return conn.scalar(select(PORTAL.c.name).where(PORTAL.c.token == digest, PORTAL.c.revoked.is_(None)))


ROUTER = APIRouter(prefix="/portal/v1", tags=["portal"])
Open = Annotated[Hub, Depends(_hub)]
Portal = Annotated[str, Depends(_portal)]
Clinic = Annotated[Id, Path()]
Booking = Annotated[BookingName, Path()]


@ROUTER.get("/slots")
def slots(
    hub: Open,
    _portal_name: Portal,
    clinic: Id | None = None,
    site: Annotated[str | None, Query(max_length=64)] = None,
    start_from: Annotated[AwareDatetime | None, Query(alias="from")] = None,
    start_to: Annotated[AwareDatetime | None, Query(alias="to")] = None,
    after: Annotated[str | None, Query(pattern=r"^\d{1,17}\.[A-Za-z0-9_-]{22}$")] = None,
) -> Slots:
    """List slots that may be ordered now, by start, 500 a page; `from` and `to` bound the start, half-open."""
    where = [view.offered(micros(hub.clock.now()))]
    where += [SLOT.c.clinic == clinic] if clinic else []
    where += [SLOT.c.site == site] if site else []
    where += [SLOT.c.start >= micros(start_from)] if start_from else []
    where += [SLOT.c.start < micros(start_to)] if start_to else []
    if after:
        start, name = after.split(".")
        where.append(or_(SLOT.c.start > int(start), and_(SLOT.c.start == int(start), SLOT.c.id > name)))
    asked = select(SLOT).select_from(view.joined()).where(*where).order_by(SLOT.c.start, SLOT.c.id).limit(PAGE)
    with hub.store.read() as conn:
        rows = conn.execute(asked).all()
    found = [OfferedSlot(clinic=row.clinic, **json.loads(row.slot)) for row in rows]
    return Slots(slots=found, after=f"{rows[-1].start}.{rows[-1].id}" if len(rows) == PAGE else None)


@ROUTER.get("/sites")
def sites(hub: Open, _portal_name: Portal) -> Sites:
    """List the places of care of every clinic."""
    with hub.store.read() as conn:
        rows = conn.execute(select(SITE).order_by(SITE.c.clinic, SITE.c.id)).all()
    return Sites(sites=[PlaceOfCare(clinic=row.clinic, **json.loads(row.details)) for row in rows])


@ROUTER.get("/clinics/{clinic}/sealing-key")
def sealing_key(hub: Open, _portal_name: Portal, clinic: Clinic) -> SealingKey:
    """Return the key to seal patients to, as the clinic itself states it."""
    with hub.store.read() as conn:
        statement = conn.scalar(select(CLINIC.c.statement).where(CLINIC.c.id == clinic))
        theirs = (CLINIC_KEY.c.clinic == clinic, CLINIC_KEY.c.retired.is_(None))
        signing = conn.scalars(select(CLINIC_KEY.c.signing).where(*theirs)).all()
    if statement is None:
        raise HTTPException(404, "no-sealing-key")
    return SealingKey(clinic=clinic, statement=statement, signing=[json.loads(key) for key in signing])


@ROUTER.put("/clinics/{clinic}/bookings/{booking}", status_code=202)
def put_booking(hub: Open, portal: Portal, clinic: Clinic, booking: Booking, body: PutBooking) -> Accepted:
    """Book, hold, move or cancel. The same version and body repeats; another body or a lower version is 409."""
    if body.until is not None and body.until > hub.clock.now() + orders.HOLD_MOST:
        raise HTTPException(422, "until-too-long")
    goal = orders.Goal(body.version, body.goal, body.firmness, _utc(body.until), _utc(body.expires_at), body.patient)
    try:
        orders.place(hub, clinic, booking, goal, portal)
    except orders.Turned as turned:
        status = _STATUS.get(turned.word, 409)
        raise HTTPException(status, turned.word, _AGAIN.get(turned.word)) from None
    return Accepted(booking=booking, version=body.version)


@ROUTER.get("/clinics/{clinic}/bookings/{booking}", response_model_exclude_none=True)
def get_booking(hub: Open, portal: Portal, clinic: Clinic, booking: Booking, response: Response) -> BookingState:
    """Return what became of a booking."""
    response.headers["Cache-Control"] = "no-store"
    these = (BOOKING.c.clinic == clinic, BOOKING.c.booking == booking, BOOKING.c.portal == portal)
    now = micros(hub.clock.now())
    with hub.store.read() as conn:
        row = conn.execute(select(BOOKING).where(*these)).one_or_none()
        if row is None:
            raise HTTPException(404, "unknown-booking")
        word = outcomes.word(conn, clinic, booking, row.version)
        asked = orders.history(conn, clinic, booking)  # none when we lost it, and its clinic told what became of it
        wanted: Any = asked[-1]["slot"] if asked else None
        others = outcomes.alternatives(conn, clinic, wanted, now) if wanted and word == outcomes.NOT_BOOKED else []
        told = outcomes.by_rev(conn, clinic, booking)
    return BookingState.model_validate(
        {"booking": booking, "version": row.version, "word": word, "outcomes": told, "alternatives": others}
    )


def _utc(at: datetime | None) -> datetime | None:
    """Return UTC in whole milliseconds, as the order will say it."""
    if at is None:
        return None
    exact = at.astimezone(UTC)
    return exact - timedelta(microseconds=exact.microsecond % 1000)
