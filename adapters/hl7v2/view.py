"""Opening times out of a database view, read by the SQL adapter and kept for when the database is away.

Rule: what was last read stands until it is too old; then nothing is offered, and nothing is ever made up.
"""

import json
import logging
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from adapters.agenda import Opening
from adapters.agenda.openings import as_row, of_row, within
from adapters.hl7v2.settings import FromView
from agent.core.errors import CreneauError, Transient
from agent.core.message import say
from agent.core.model import Finding, Severity, Window
from agent.ports import Emr, SitePart, Tools

log = logging.getLogger("creneau.hl7")

NOTE = "view"
READING = say("read the opening hours")
EVERY = timedelta(minutes=5)
"""Between two looks at the database."""
SAID = timedelta(hours=1)
"""An unchanged view is noted again so often: after a restart its age is known to the hour."""
BACK = timedelta(days=8)
"""The past hours tell how long the clinic was open without a message."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a look gave, when it was, and how far ahead it went, UTC."""

    at: datetime
    until: datetime
    openings: tuple[Opening, ...]

    def dump(self) -> bytes:
        """Return it as a note."""
        times = {"at": self.at.isoformat(), "until": self.until.isoformat()}
        row = {**times, "openings": [as_row(each) for each in self.openings]}
        return zlib.compress(json.dumps(row, separators=(",", ":")).encode())


class View:
    """The view of one source, for one object of it. `close` from any thread ends a statement under way."""

    def __init__(self, given: FromView, sites: tuple[SitePart, ...], tools: Tools) -> None:
        """Connect nothing yet."""
        self._given = given
        self._tools = tools
        self._zones = {str(site.id): ZoneInfo(site.zone) for site in sites}
        self._emr: Emr | None = None
        self._known: Known | None = None
        self._looked: timedelta | None = None
        self._fault: CreneauError | None = None
        self._found: tuple[Finding, ...] = ()

    def refresh(self, window: Window) -> None:
        """Read the view when it is time to; a fault is kept for `findings`, and what is known stands."""
        now, known = self._tools.clock.now(), self._last()
        end = _midnight(window.end) + timedelta(days=2)
        until = max(end, known.until) if known is not None else end
        is_new = self._looked is None or now.age - self._looked >= EVERY
        if not is_new and (known is None or until == known.until):
            return
        self._looked = now.age
        try:
            openings = self._read(Window(_midnight(now.utc - BACK), until))
        except CreneauError as fault:
            if self._fault is None:
                log.warning("hl7.view_down why=%r", str(fault))
            self._fault = fault
            return
        if self._fault is not None:
            log.info("hl7.view_back")
        self._fault = None
        self._keep(Known(now.utc, until, openings))

    def openings(self, window: Window) -> list[Opening]:
        """Return the opening times that start in a window, as they were last read."""
        known = self._last()
        return [each for each in known.openings if within(window, each.start)] if known is not None else []

    def findings(self, now: datetime) -> Iterable[Finding]:
        """Say that the view is away, and whether what was last read still counts."""
        fault, known = self._fault, self._last()
        if known is None:
            says, hint = (fault.what, fault.hint) if fault else (say("the opening hours were never read"), None)
            yield Finding("hl7.view-none", Severity.FAULT, says, hint)
        elif now - known.at > self._given.oldest:
            says = say("the opening hours were read too long ago")
            yield Finding("hl7.view-old", Severity.FAULT, says, fault.what if fault else None)
        elif fault is not None:
            yield Finding("hl7.view-down", Severity.WARN, fault.what, say("the opening hours last read still count"))
        yield from self._found

    def close(self) -> None:
        """End; any thread."""
        emr = self._emr
        if emr is not None:
            emr.close()

    def _read(self, window: Window) -> tuple[Opening, ...]:
        if self._emr is None:
            self._emr = self._tools.beside("sql", self._given.options)
        reading = self._emr.slots(window)
        if not reading.complete:
            raise Transient(READING, say("the view was not read whole"))
        self._found = tuple(each for each in reading.findings if each.severity is not Severity.OK)
        return tuple(
            Opening(each.site, each.practitioner.key, each.start, each.end, each.type) for each in reading.slots
        )

    def _keep(self, new: Known) -> None:
        old = self._last()
        self._known = new
        if old is None or (old.until, old.openings) != (new.until, new.openings) or new.at - old.at >= SAID:
            self._tools.store.note({NOTE: new.dump()})

    def _last(self) -> Known | None:
        if self._known is None:
            note = self._tools.store.notes(NOTE).get(NOTE)
            self._known = self._load(note) if note is not None else None
        return self._known

    def _load(self, note: bytes) -> Known:
        row = json.loads(zlib.decompress(note))
        openings = tuple(of_row(each, self._zones) for each in row["openings"])
        at, until = (datetime.fromisoformat(row[name]) for name in ("at", "until"))
        return Known(at, until, openings)


def _midnight(at: datetime) -> datetime:
    """Return the UTC midnight before: a bound that stays the same all day, so that an unchanged view writes nothing."""
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
