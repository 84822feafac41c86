"""The members of what travels, as the hub accepts them.

Rule: unknown members are ignored, so that a newer agent can talk to an older hub; only in a slot they are refused, for
they would stand outside the canonical line.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from hub.problem import Problem

MOST = 2**53 - 1
SLOTS_MOST = 100_000

Whole = Annotated[int, Field(ge=0, le=MOST, strict=True)]
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
SiteName = Annotated[str, StringConstraints(min_length=1, max_length=64)]
SlotName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{22}$")]
BookingName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
Hex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
LocalTime = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$")]
"""A time as the canonical line has it: whole seconds, the site's own offset."""
Text = Annotated[str, StringConstraints(max_length=2000)]

Body = TypeVar("Body", bound=BaseModel)


class Members(BaseModel):
    """Members of a request."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Slot(BaseModel):
    """One offered slot; members that are null are left out (Regulation A-2.2, r. 1, s. 4 names the vocabulary)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: SlotName
    start: LocalTime
    end: LocalTime
    precision: Literal["exact", "half-day"]
    site: SiteName
    confirmation: Literal["instant", "request"]
    practitioner: Text | None = None
    bookable_from: LocalTime
    clientele: Literal["enrolled-with-doctor", "enrolled-at-site", "enrolled-with-professional", "anyone"]
    reason: Literal["urgent", "semi-urgent", "pregnancy", "pediatric", "regular"]
    redirect: Literal["811", "911", "gap", "hospital"] | None = None
    mode: Literal["on-site", "home", "video", "phone"]


class Site(Members):
    """One place of care, in full with every snapshot."""

    id: SiteName
    name: Text
    address: Text = ""
    phone: Text = ""
    zone: Text
    outage_text: Text = ""


class Changes(Members):
    """What to put and to delete."""

    put: Annotated[list[dict[str, Any]], Field(max_length=SLOTS_MOST)] = []
    gone: Annotated[list[SlotName], Field(max_length=SLOTS_MOST)] = Field(default=[], alias="del")


class Offer(Members):
    """A difference, or a snapshot; `epoch` null asks for a new one. `core.sharing.revive` judges the slots."""

    epoch: Whole | None
    base_seq: Whole
    seq: Whole
    changes: Changes | None = None
    snapshot: Annotated[list[dict[str, Any]], Field(max_length=SLOTS_MOST)] | None = None
    count: Whole
    roots: dict[SiteName, Hex]
    read: list[SiteName] | None = None
    sites: list[Site] | None = None


class Cursor(Members):
    """Acknowledges every entry up to `n` of this log."""

    log: Text
    n: Whole


class AskOrders(Members):
    """The long poll."""

    cursor: Cursor | None = None
    wait_s: Annotated[int, Field(ge=0, le=3600)] = 0
    boot: Id


class Times(Members):
    """Exact times of an appointment."""

    start: LocalTime
    end: LocalTime


class Outcome(Members):
    """What became of one version of one booking."""

    booking: BookingName
    version: Whole
    rev: Annotated[int, Field(ge=1, le=MOST, strict=True)]
    outcome: Annotated[str, StringConstraints(pattern=r"^[a-z-]{3,32}(: [a-z-]{3,32})?$")]
    kept: bool = False
    slot: Times | None = None
    at: Text


class Outcomes(Members):
    """A list of outcomes."""

    outcomes: Annotated[list[Outcome], Field(max_length=10_000)]


class Renew(Members):
    """What the agent proves equal."""

    epoch: Whole
    seq: Whole
    roots: dict[SiteName, Hex]


Bucket = Literal["<2min", "<10min", "<2h", "more"]


class Beat(Members):
    """Health without a number that derives from the schedule."""

    version: Text
    os: Text
    instance: Id
    boot: Id
    uptime: Bucket
    legs: dict[Text, Literal["ok", "degraded"]]
    emr_read: Bucket
    hub: Bucket
    oldest: Bucket
    skew_s: int | None = None
    disk: Literal["ok", "low"]
    key_age_d: int
    update: bool
    keys: Whole
    epoch: Whole | None = None
    turn: Whole | None = None
    log: Text | None = None
    renew: Renew | None = None
    sealing: str | None = None
    ledger_head: Text | None = None


class Rotate(Members):
    """A new signing key, signed for by itself inside, by the old one around; and the sealing key, stated by the new."""

    next: Annotated[str, StringConstraints(max_length=2000)]
    sealing: Annotated[str, StringConstraints(max_length=4000)]


class Enrol(Members):
    """A new agent's keys and its proof that it knows the one-time code."""

    handle: Annotated[str, StringConstraints(pattern=r"^[0-9A-Z]{4}$", to_upper=True)]
    proof: Hex
    signing: dict[str, Any]
    sealing: dict[str, Any]
    instance: Id
    software: Text = ""
    clinic: Text | None = None
    contact: Annotated[str, StringConstraints(max_length=200)] = ""


def read(shape: type[Body], claims: Mapping[str, Any]) -> Body:
    """Return the members as `shape`, or the problem `schema` with the places of the faults and none of the values."""
    try:
        return shape.model_validate(claims)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_context=False, include_url=False)
        where = sorted({".".join(str(step) for step in fault["loc"]) for fault in faults[:20]})
        raise Problem("schema", {"where": where}) from None
