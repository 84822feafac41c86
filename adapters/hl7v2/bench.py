"""The bench of the conformance kit for the HL7 adapter: a scripted EMR, its notices taken in as the listener would.

Rule: it works on the EMR itself, never through the adapter.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from adapters.catalog import ENTRIES
from adapters.conformance import NAME, SITE, Opening, Standing, tools
from adapters.conformance.bench import NOW
from adapters.er7 import Terms
from adapters.hl7v2 import open_
from adapters.hl7v2.book import Hl7Booker
from adapters.hl7v2.emr import Hl7Emr
from adapters.hl7v2.intake import Intake
from adapters.hl7v2.scripted import Manners, ScriptedEmr
from adapters.hl7v2.settings import read_settings
from agent.core.model import EmrRef

ENQUIRED: Mapping[str, object] = {"srm.enquiry": "sqm", "srm.placer": "kept"}
"""An EMR that keeps our number and answers enquiries about it."""


class Hl7Bench:
    """One scripted EMR a `fresh`. `options`: over the catalog's defaults; `manners`: how the EMR behaves."""

    def __init__(self, folder: Path, options: Mapping[str, object] = ENQUIRED, manners: Manners | None = None) -> None:
        """Begin with an empty EMR."""
        self._folder = folder
        self._more = options
        self._manners = replace(manners or Manners())
        self.emr = ScriptedEmr(NOW, ZoneInfo(SITE.zone), lambda _: None)
        self.fresh([])

    def fresh(self, openings: Sequence[Opening]) -> None:
        """Begin again: a new EMR, an agent that knows nothing yet, these openings in the calendar file."""
        self.emr.close()
        self._tools = tools()
        intake = Intake(self._tools.raw, Terms((SITE,)), self._tools.clock, self._tools.dice)
        self.emr = ScriptedEmr(NOW, ZoneInfo(SITE.zone), intake.take)
        self.emr.manners = self._manners
        self._folder.joinpath("openings.ics").write_bytes(calendar(openings))

    def options(self) -> dict[str, object]:
        """Return what the configuration would hold."""
        given = {option.key: option.default for option in ENTRIES["hl7"].options}
        address = f"127.0.0.1:{self.emr.port}" if self._more else ""
        loaded = {"calendar": self._folder / "openings.ics", "loaded": NOW.date(), "srm.address": address}
        return {**given, "srm.wait": timedelta(seconds=10), **loaded, **self._more}

    def adapter(self) -> Hl7Emr:
        """Return an adapter on the EMR."""
        return open_(NAME, self.options(), self._tools)

    def between(self, act: Callable[[], None]) -> Hl7Emr:
        """Return an adapter that is stepped into once, after the EMR's answer."""
        acts = [act]
        settings = read_settings(self.options(), (SITE,), self._tools.label)
        if settings.asking is None:
            raise ValueError("srm.address")
        return Hl7Booker(NAME, settings, settings.asking, self._tools, lambda: acts.pop()() if acts else None)

    @contextmanager
    def failing(self) -> Iterator[Hl7Emr]:
        """Let the EMR answer every request with AE."""
        self.emr.manners.refuses = "AE"
        try:
            yield self.adapter()
        finally:
            self.emr.manners.refuses = ""

    def appointments(self) -> Sequence[Standing]:
        """Return the rows that are not cancelled."""
        return [
            Standing(EmrRef(row.filler), row.who, row.start, row.ours, repr(row))
            for row in self.emr.rows.values()
            if row.status != "Cancelled"
        ]

    def book(self, opening: Opening) -> EmrRef:
        """Book by the EMR's screen."""
        return EmrRef(self.emr.book(opening.practitioner, opening.start, opening.minutes))

    def cancel(self, ref: EmrRef) -> None:
        """Cancel any row."""
        self.emr.change(ref, "S15", status="Cancelled")

    def move(self, ref: EmrRef, opening: Opening) -> None:
        """Put a row elsewhere."""
        end = opening.start + timedelta(minutes=opening.minutes)
        self.emr.change(ref, "S13", who=opening.practitioner, start=opening.start, end=end)

    def receive(self, ref: EmrRef) -> None:
        """Note that the patient is here."""
        self.emr.change(ref, "S14", status="Arrived")

    def close(self) -> None:
        """Stop the EMR."""
        self.emr.close()


def calendar(openings: Sequence[Opening]) -> bytes:
    """Return openings as an iCalendar file: who in RESOURCES, the type in CATEGORIES."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//creneau//kit//FR"]
    for number, each in enumerate(openings):
        start = each.start.astimezone(UTC)
        lines += [
            "BEGIN:VEVENT", f"UID:{number}@kit", "DTSTAMP:20261101T000000Z", f"DTSTART:{start:%Y%m%dT%H%M%SZ}",
            f"DTEND:{start + timedelta(minutes=each.minutes):%Y%m%dT%H%M%SZ}", f"RESOURCES:{each.practitioner}",
            f"CATEGORIES:{each.type}", "TRANSP:TRANSPARENT", "END:VEVENT",
        ]  # fmt: skip
    return "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()
