"""What the clinic decided about its FHIR server, and what an implementation guide changes.

Rule: values only; a guide is data, and each of its parts may be written otherwise in the clinic's file.
"""

from dataclasses import dataclass
from typing import Literal

from agent.core.model import EmrName, SiteId
from agent.ports import SitePart

BOOKING = "urn:creneau:booking"
"""System of the business name of an appointment we made: the booking's id. It is never changed."""
APPLIED = "urn:creneau:applied"
"""System of what we last did to it: see record.py."""
UNSURE = "unsure"
"""Fifth word of the above while a write is not verified."""
CLAIM = "urn:creneau:claim"
"""System of the mark on a Slot that we made busy: the booking's id."""
CLAIMED = "urn:creneau:claimed"
"""System beside it: the order's version, or `hold` and until when."""
TRIAL = "urn:creneau:trial"
"""System of the mark on what a trial makes: the schedule it was made on."""
OUTCOME = "urn:creneau:outcome"
"""Code system of the reason we give when we cancel."""

Kind = Literal["service-type", "service-category", "specialty", "appointment-type"]


@dataclass(frozen=True, slots=True)
class Guide:
    """What an implementation guide changes.

    `mime`: of requests; both are always accepted. `windows`: prefixes of the two `start` bounds of a Slot search.
    `search`: further Slot parameters, `{practitioners}` = the clinic's business names. `by_name`: appointments are
    changed by `PUT Appointment?identifier=` (no If-Match there, so never fenced). `placed`: the status of an
    appointment not yet verified.
    """

    name: str
    mime: str = "application/fhir+json"
    windows: tuple[str, str] = ("ge", "lt")
    search: tuple[tuple[str, str], ...] = (("_include", "Slot:schedule"),)
    by_name: bool = False
    placed: str = "pending"


R4 = Guide("r4")
SAS = Guide(
    "sas",
    mime="application/json+fhir",
    windows=("ge", "le"),
    search=(
        ("schedule.actor:Practitioner.identifier", "{practitioners}"),
        ("status", "free"),
        ("_include", "Slot:schedule"),
        ("_include:iterate", "Schedule:actor"),
    ),
    by_name=True,
    placed="booked",
)
"""France's Service d'accès aux soins (ansforge/IG-fhir-service-acces-aux-soins 1.2.0): the one worked example."""
GUIDES = {guide.name: guide for guide in (R4, SAS)}


@dataclass(frozen=True, slots=True)
class Terms:
    """`practitioner_system`: name people by this business name, "" = by the server's id. `page`: entries asked for.

    `practitioners`: "system|value" of those a guide searches for. `nam_system`: of the health insurance number.
    """

    name: EmrName
    sites: tuple[SitePart, ...]
    server: str
    guide: Guide = R4
    label: str = ""
    type_from: Kind = "service-type"
    practitioner_system: str = ""
    practitioners: str = ""
    nam_system: str = ""
    page: int = 500
    validate: Literal["off", "sample", "outbound"] = "off"

    def site(self, places: frozenset[str]) -> SitePart | None:
        """Return the site whose code is one of a Schedule's places, else the site "*"; None when neither is there."""
        exact = (site for site in self.sites if site.emr_code in places)
        return next(exact, None) or next((site for site in self.sites if site.emr_code == "*"), None)

    def zone(self, site: SiteId) -> str:
        """Return a site's zone."""
        return next((one.zone for one in self.sites if one.id == site), "UTC")
