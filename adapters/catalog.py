"""Name every adapter and the options clinic IT may write for it.

Rule: opening the catalog imports no adapter and no driver; a built-in name is never replaced from outside.
"""

from collections.abc import Mapping
from datetime import date, timedelta
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
                Option("mime", str, "", "MIME type of what is sent; empty: the guide's"),
                Option("search", list, [], 'further parts of a Slot search, "name=value"; empty: the guide\'s'),
                Option(
                    "change_by",
                    ("guide", "id", "identifier"),
                    "guide",
                    "appointments are changed by id or by identifier",
                ),
                Option(
                    "auth", ("none", "bearer", "smart"), "none", "how the account is shown; the key is in the vault"
                ),
                Option("client_id", str, "", "SMART Backend Services: the name the vendor gave us"),
                Option("key_id", str, "", "SMART: the name of our public key at the vendor's"),
                Option("algorithm", ("ES384", "RS384"), "ES384", "SMART: how we sign"),
                Option("scopes", str, "", "SMART: the rights asked for; empty: what reading and booking need"),
                Option(
                    "certificate", Path, None, "our certificate for mutual TLS, a PEM file; its key is in the vault"
                ),
                Option("ca_file", Path, None, "private certificate authority of the server"),
                Option(
                    "type_from",
                    ("service-type", "service-category", "specialty", "appointment-type"),
                    "service-type",
                    "the element of a Slot that names its type",
                ),
                Option("practitioner_system", str, "", "name people by this identifier; empty: by the server's id"),
                Option("practitioners", str, "", "system|value of each practitioner searched for, with commas"),
                Option("nam_system", str, "", "identifier system of the health insurance number, to find patients"),
                Option("page", int, 500, "entries asked for at once"),
                Option(
                    "validate", ("off", "sample", "outbound"), "off", "hold a sample, or all that is sent, against R4"
                ),
            ),
            books=True,
        ),
        "hl7": Entry(
            factory="adapters.hl7v2:open_",
            extra="hl7",
            options=(
                Option(
                    "role", ("agenda", "wake"), "agenda", "agenda: slots from its notices | wake: another reads earlier"
                ),
                Option("listen", str, "127.0.0.1:2575", "where the EMR sends its notices"),
                Option("allow", list, [], "addresses of the EMR; needed off this machine"),
                Option("connections", int, 16, "connections at once, at most"),
                Option("idle", timedelta, timedelta(hours=1), "a silent connection is let go after this"),
                Option("tls.certificate", Path, None, "our certificate, PEM"),
                Option("tls.key", Path, None, "its private key, PEM"),
                Option("tls.peers", Path, None, "the EMR's certificates, PEM: no other is let in"),
                Option("on_unreadable", ("AE", "AR", "AA"), "AE", "what a sender hears of what cannot be read"),
                Option(
                    "time_from",
                    ("agree", "tq1", "sch11", "ais", "aig", "ail", "aip"),
                    "agree",
                    "the field that wins when times differ",
                ),
                Option("unit", ("refuse", "minutes", "seconds"), "refuse", "of a length without a unit"),
                Option("fold", ("first", "second"), "first", "of an hour the clock shows twice"),
                Option("openings", list, [], "opening hours, one table a row"),
                Option("calendar", Path, None, "opening times as an iCalendar file"),
                Option("view.mapping", Path, None, "opening times from a database: a mapping file with [open] alone"),
                Option("view.connection", str, "", "where that database is"),
                Option("view.user", str, "", '"" : the service\'s own account'),
                Option("view.oldest", timedelta, timedelta(hours=24), "opening times read longer ago offer nothing"),
                Option("cells", timedelta, None, "the calendar's openings are cut so; unset: as they stand"),
                Option("closed", list, [], "days without opening"),
                Option("loaded", date, None, "the day the EMR had sent its whole agenda"),
                Option("silence", timedelta, timedelta(hours=4), "open hours without a message before slots stop"),
                Option(
                    "reconcile.by",
                    ("none", "sqm", "file"),
                    "none",
                    "how the EMR shows its whole agenda again: answers to SQM S25 at night | files",
                ),
                Option("reconcile.at", str, "02:30", "sqm: when, each night"),
                Option("reconcile.address", str, "", "sqm: where; empty: srm.address"),
                Option("reconcile.folder", Path, None, "file: where the EMR drops all its appointments"),
                Option("reconcile.pattern", str, "*.hl7", "file: names of the files"),
                Option("reconcile.most", int, 30, "per cent of coming appointments that may vanish at once"),
                Option("srm.address", str, "", "where the EMR takes requests; empty: it takes none"),
                Option("srm.wait", timedelta, timedelta(seconds=15), "for its answer"),
                Option("srm.application", str, "", "MSH-5 of requests"),
                Option("srm.facility", str, "", "MSH-6 of requests"),
                Option("srm.enquiry", ("none", "mirror", "sqm"), "none", "how a lost answer is found out"),
                Option("srm.placer", ("lost", "kept"), "lost", "does it keep our appointment number?"),
                Option("srm.moves", bool, False, "does S02 move without giving up the old time first?"),
                Option("srm.quiet", timedelta, timedelta(minutes=2), "after a lost answer, before absence proves"),
                Option("srm.authority", Path, None, "the EMR's certificate, PEM; with it TLS is spoken"),
                Option("srm.certificate", Path, None, "ours towards it, PEM"),
                Option("srm.key", Path, None, "its private key, PEM"),
            ),
            books=True,
            books_with="srm.address",
        ),
        "files": Entry(
            factory="adapters.files:open_",
            extra="files",
            options=(
                Option("folder", Path, ..., "where the EMR drops its files"),
                Option("format", ("csv", "ical", "hl7"), "csv", "of the files"),
                Option("pattern", str, "", "names of the files; empty: *.csv, *.ics or *.hl7"),
                Option("holds", ("free", "taken"), "free", "are its rows free slots or taken times?"),
                Option(
                    "files",
                    ("newest", "each", "changes"),
                    "newest",
                    "the newest is the agenda | all of them | HL7 changes",
                ),
                Option("columns", dict, None, "your column names"),
                Option("free_words", list, [], "words of the status column that mean free"),
                Option("cancelled_words", list, [], "words that mean cancelled"),
                Option("time_format", str, "iso", "iso, or such as %d/%m/%Y %H:%M"),
                Option("encoding", str, "auto", "auto, or such as cp1252"),
                Option("practitioner", str, "", "whose agenda, where no row says it"),
                Option("settle", timedelta, timedelta(seconds=10), "a file still written is left alone so long"),
                Option("oldest", timedelta, timedelta(hours=26), "an older file proves nothing"),
                Option("most", int, 30, "per cent of coming times that may vanish at once"),
                Option(
                    "time_from",
                    ("agree", "tq1", "sch11", "ais", "aig", "ail", "aip"),
                    "agree",
                    "the field that wins when times differ",
                ),
                Option("openings", list, [], "opening hours, one table a row"),
                Option("closed", list, [], "days without opening"),
            ),
            books=False,
        ),
        "memory": Entry(
            factory="adapters.memory:open_",
            extra="",
            options=(Option("clinic", str, "memory", "name of the made-up clinic in this process"),),
            books=True,
        ),
    }
)


def find(name: str) -> Entry | None:
    """Return the entry of this name; None when nobody offers it. Raises Misconfigured when a third party's is broken."""
    if name in ENTRIES:
        return ENTRIES[name]
    point = _points().get(name)
    return None if point is None else _load(point)


def names() -> tuple[str, ...]:
    """Return every name that can be written as `adapter`, built-in ones first; loads nothing."""
    return (*ENTRIES, *sorted(set(_points()) - set(ENTRIES)))


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
