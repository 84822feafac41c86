"""Name every adapter and the options clinic IT may write for it.

Rule: opening the catalog imports no adapter and no driver; a built-in name is never replaced from outside.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType

from agent.core.errors import Misconfigured
from agent.core.message import say
from agent.ports import Entry, Option

GROUP = "creneau.adapters"
"""Entry-point group of third parties; each entry point loads an `Entry`."""

ENTRIES: Mapping[str, Entry] = MappingProxyType(
    {
        "sql": Entry(
            factory="adapters.sql.factory:open_",
            extra="sql",
            options=(
                Option("mapping", Path, Path("oscar"), "built in, or a file's path: see docs/connect-an-emr.md"),
                Option("connection", str, ..., "where the database is; for SQLite: sqlite:///PATH"),
                Option("user", str, "", '"" : the service\'s own account'),
                Option(
                    "long_codes",
                    ("ask", "one-cell", "every-cell"),
                    "ask",
                    "a code longer than the grid: not offered | marks one cell | marks every cell it fills",
                ),
                Option("holidays", ("closed", "open"), "closed", "are slots on the EMR's holidays offered?"),
                Option("grid", int, 15, "OpenEMR: minutes of the calendar's grid"),
                Option("visit", str, "office_visit", "OpenEMR: category of visits in hours reserved for none"),
                Option(
                    "memory",
                    ("sidecar", "token"),
                    "sidecar",
                    "what remembers our bookings: a table of ours | a word in the appointment (books only with a turn)",
                ),
            ),
            books=True,
        ),
        "fhir": Entry(
            factory="adapters.fhir.factory:open_",
            extra="fhir",
            options=(
                Option("server", str, ..., "the FHIR R4 server's address, https://…/fhir"),
                Option("guide", ("r4", "sas"), "r4", "implementation guide: plain R4, or France's SAS"),
                Option(
                    "auth", ("none", "bearer", "smart"), "none", "how the account is shown; the key is in the vault"
                ),
                Option("client_id", str, "", "SMART Backend Services: the name the vendor gave us"),
                Option("key_id", str, "", "SMART: the name of our public key at the vendor's"),
                Option("algorithm", ("ES384", "RS384"), "ES384", "SMART: how we sign"),
                Option("scopes", str, "", "SMART: the rights asked for; empty: what reading and booking need"),
                Option("certificate", str, "", "our certificate for mutual TLS, a PEM file; its key is in the vault"),
                Option("ca_file", str, "", "private certificate authority of the server"),
                Option(
                    "type_from",
                    ("service-type", "service-category", "specialty", "appointment-type"),
                    "service-type",
                    "the element of a Slot that names its type",
                ),
                Option("practitioner_system", str, "", "name people by this identifier; empty: by the server's id"),
                Option("practitioners", str, "", "guide sas: system|value of each practitioner, with commas"),
                Option("nam_system", str, "", "identifier system of the health insurance number, to find patients"),
                Option("page", int, 500, "entries asked for at once"),
                Option(
                    "validate", ("off", "sample", "outbound"), "off", "hold a sample, or all that is sent, against R4"
                ),
            ),
            books=True,
        ),
        "memory": Entry(
            factory="adapters.memory:open_",
            extra="",
            options=(Option("clinic", str, "memory", "name of the made-up clinic in this process"),),
            books=True,
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an adapter comes from: the distribution that ships it and its version; "" when it has none."""

    distribution: str
    version: str


def find(name: str) -> Entry | None:
    """Return the entry of this name; None when nobody offers it. Raises Misconfigured when a third party's is broken."""
    if name in ENTRIES:
        return ENTRIES[name]
    point = _points().get(name)
    return None if point is None else _load(point)


def names() -> tuple[str, ...]:
    """Return every name that can be written as `adapter`, built-in ones first; loads nothing."""
    return (*ENTRIES, *sorted(set(_points()) - set(ENTRIES)))


def origin(name: str) -> Origin | None:
    """Return who ships a third party's adapter; None for a built-in or unknown name."""
    point = None if name in ENTRIES else _points().get(name)
    if point is None:
        return None
    return Origin(point.dist.name, point.dist.version) if point.dist is not None else Origin("", "")


def _points() -> Mapping[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _load(point: EntryPoint) -> Entry:
    doing = say("open the catalog of adapters")
    hint = say("reinstall the package that offers it, or write another adapter")
    try:
        entry = point.load()
    except Exception as cause:  # whatever a stranger's import may raise
        raise Misconfigured(doing, say("the adapter {name} cannot be loaded", name=point.name), hint) from cause
    if not isinstance(entry, Entry):
        raise Misconfigured(doing, say("the adapter {name} offers no catalog entry", name=point.name), hint)
    return entry
