"""The parts of FHIR R4 that a read looks at, as typed structs; everything else in a resource is skipped unseen.

Rule: nothing is sent from these: what is written back is the server's own text, changed in place. Codes stay text,
because servers publish codes that R4 does not know.
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Raw, Struct, ValidationError, field
from msgspec.json import Decoder

Moment = Annotated[datetime, Meta(tz=True)]
"""FHIR instant: a time without offset fails the entry (http://hl7.org/fhir/R4/datatypes.html#instant)."""


class Identifier(Struct):
    """A business name."""

    system: str = ""
    value: str = ""


class Coding(Struct):
    """A code of a code system."""

    code: str = ""
    display: str = ""


class Concept(Struct):
    """CodeableConcept."""

    coding: list[Coding] = []
    text: str = ""

    @property
    def word(self) -> str:
        """Return the first code, else the text: the EMR's own word."""
        return next((coding.code for coding in self.coding if coding.code), self.text)


class Reference(Struct):
    """A reference by address, or by business name alone."""

    reference: str = ""
    identifier: Identifier | None = None
    display: str = ""

    @property
    def key(self) -> str:
        """Return "Practitioner/101" whatever the base, "system|value" of a logical reference, "" of neither."""
        if self.reference:
            return relative(self.reference)
        return f"{self.identifier.system}|{self.identifier.value}" if self.identifier and self.identifier.value else ""


class Versioned(Struct, rename="camel"):
    """Resource.meta."""

    last_updated: Moment | None = None


class Slot(Struct, tag_field="resourceType", tag="Slot", rename="camel"):
    """Slot: a time that may be booked."""

    id: str
    schedule: Reference
    status: str
    start: Moment
    end: Moment
    service_type: list[Concept] = []
    service_category: list[Concept] = []
    specialty: list[Concept] = []
    appointment_type: Concept | None = None
    identifier: list[Identifier] = []
    meta: Versioned = field(default_factory=Versioned)


class Schedule(Struct, tag_field="resourceType", tag="Schedule"):
    """Schedule: whose slots they are, and where."""

    id: str
    actor: list[Reference] = []


class Practitioner(Struct, tag_field="resourceType", tag="Practitioner"):
    """Practitioner: only its business names are looked at."""

    id: str
    identifier: list[Identifier] = []


class Participant(Struct):
    """One who takes part in an appointment."""

    actor: Reference | None = None


class Appointment(Struct, tag_field="resourceType", tag="Appointment"):
    """Appointment, without whatever says who the patient is."""

    id: str
    status: str
    start: Moment | None = None
    end: Moment | None = None
    slot: list[Reference] = []
    participant: list[Participant] = []
    identifier: list[Identifier] = []


class Doubtful(Struct, tag_field="resourceType", tag="Appointment"):
    """What can still be told of an appointment whose times or status are unreadable: whom it may concern."""

    id: str = ""
    status: Raw = Raw(b'""')
    slot: list[Reference] = []
    participant: list[Participant] = []


class Issue(Struct):
    """OperationOutcome.issue."""

    severity: str = ""
    code: str = ""


class Outcome(Struct, tag_field="resourceType", tag="OperationOutcome"):
    """OperationOutcome: what a server found wrong; it may stand inside a Bundle under HTTP 200."""

    issue: list[Issue] = []

    @property
    def wrong(self) -> str:
        """Return the code of the first error, "" when there is none."""
        return next((issue.code or "error" for issue in self.issue if issue.severity in ("error", "fatal")), "")


KINDS = frozenset({"", "Slot", "Schedule", "Practitioner", "OperationOutcome"})
Known = Slot | Schedule | Practitioner | Appointment | Outcome


class Entry(Struct):
    """Bundle.entry of a page whose every entry is readable."""

    resource: Known | None = None


class Link(Struct):
    """Bundle.link."""

    relation: str = ""
    url: str = ""


class Page(Struct, rename={"kind": "resourceType"}):
    """A searchset page, all of it readable."""

    kind: Literal["Bundle"]
    entry: list[Entry] = []
    link: list[Link] = []
    total: int | None = None


class RawEntry(Struct):
    """Bundle.entry of a page that has at least one bad one."""

    resource: Raw = Raw(b"null")


class RawPage(Struct, rename={"kind": "resourceType"}):
    """A searchset page, to be read entry by entry."""

    kind: Literal["Bundle"]
    entry: list[RawEntry] = []
    link: list[Link] = []
    total: int | None = None


class Kind(Struct, rename="camel"):
    """The type of any resource."""

    resource_type: str = ""


PAGE, RAW_PAGE, KNOWN = Decoder(Page), Decoder(RawPage), Decoder(Known)
DOUBTFUL, KIND, OUTCOME = Decoder(Doubtful), Decoder(Kind), Decoder(Outcome)


class Bad(Struct):
    """An entry that cannot be read: its type, and for an appointment what it may block."""

    kind: str
    doubtful: Doubtful | None = None


def entries(body: bytes) -> tuple[list[Known | Bad], list[Link], int | None]:
    """Return resources, links and total of a page; one bad entry costs only itself.

    Raises msgspec.DecodeError when the text is no Bundle at all.
    """
    try:
        page = PAGE.decode(body)
    except ValidationError:
        raw = RAW_PAGE.decode(body)
        read = (_one(entry.resource) for entry in raw.entry)
        return [one for one in read if one is not None], raw.link, raw.total
    return [entry.resource for entry in page.entry if entry.resource is not None], page.link, page.total


def relative(reference: str) -> str:
    """Return "Type/id" of a literal reference, whatever its base and version; a urn or a fragment stays itself."""
    if reference.startswith(("urn:", "#")):
        return reference
    parts = reference.partition("/_history")[0].rstrip("/").split("/")
    return "/".join(parts[-2:])


def _one(resource: Raw) -> Known | Bad | None:
    try:
        known: Known = KNOWN.decode(resource)
    except ValidationError:
        return _bad(resource)
    return known


def _bad(resource: Raw) -> Bad | None:
    """Say what a bad entry is; None = of a kind that nobody here asks for."""
    try:
        kind = KIND.decode(resource).resource_type
    except ValidationError:
        return Bad("")
    if kind != "Appointment":
        return Bad(kind) if kind in KINDS else None
    try:
        return Bad(kind, DOUBTFUL.decode(resource))
    except ValidationError:
        return Bad(kind, Doubtful())
