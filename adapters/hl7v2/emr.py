"""The HL7 source as the agent sees it: Emr, Agenda, Names and Listens over a mirror of the EMR's notices.

Rule: what is not known whole is not published: no load, silence in open hours or a foreign mapping stop it.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from adapters.agenda import Freed, Mirror, Opening, agenda, apart, events, expand, free, open_time
from adapters.agenda.openings import cells, site_of, within
from adapters.hl7v2.comparing import Comparison
from adapters.hl7v2.doubt import DAY, Held, doubtful
from adapters.hl7v2.intake import Intake
from adapters.hl7v2.listener import Listener
from adapters.hl7v2.reconcile import State
from adapters.hl7v2.schedule import Schedule
from adapters.hl7v2.settings import Settings
from adapters.hl7v2.view import View
from agent.core.errors import Misconfigured, Refused, Transient
from agent.core.message import say
from agent.core.model import AgendaRow, EmrName, Finding, Reading, Severity, Window
from agent.ports import Clock, Doubt, Named, Stop, Tools

READING = say("read slots")
LATE = timedelta(days=2)
SETTLING = say("settle a message that was not understood")
LOOK_BACK = timedelta(days=7)
"""Silence longer than this is stale whatever the hours."""
STRANGERS = 5
"""So many appointments of nobody we know, and none of anybody we know: the codes are not the same."""


class Hl7Emr:
    """Reads what the EMR told us. `serve` takes messages in; every object of a source shares the stored mirror."""

    def __init__(self, name: EmrName, settings: Settings, tools: Tools) -> None:
        """Listen to nothing yet."""
        self.name = name
        self._settings = settings
        self._tools = tools
        self._clock: Clock = tools.clock
        self._schedule = Schedule(name, tools.raw, tools.store, settings.terms, mirrors=not settings.is_wake)
        way = settings.whole
        self._comparison = Comparison(name, settings, way, tools, self._schedule) if way is not None else None
        self._view = View(settings.view, settings.sites, tools) if settings.view is not None else None
        self._closed = threading.Event()

    def slots(self, window: Window) -> Reading:
        """Return openings less what is taken; incomplete and empty while the mirror is not to be trusted."""
        now = self._now()
        self._read_view(window)
        with self._schedule.open(now) as mirror:
            found = list(self._findings(now, window))
            if self._settings.is_wake:
                return Reading(window, now, (), findings=tuple(found))
            freed = self._free(mirror, window)
        if freed.strangers >= STRANGERS and not freed.known:
            found.append(_foreign(freed))
        if any(each.severity is Severity.FAULT and each.code != "hl7.doubt" for each in found):
            return Reading(window, now, (), complete=False, findings=tuple(found))
        return Reading(window, now, freed.slots, findings=tuple(found))

    def check(self) -> Iterable[Finding]:
        """Say whether it is loaded, when it last heard the EMR, what could not be read, what was found."""
        now, until = self._now(), self._schedule.whole().until
        end = now + timedelta(days=14)
        reading = self.slots(Window(now, end if until is None else min(end, until)))
        yield from reading.findings
        heard = self._schedule.heard()
        if heard is not None:
            ago = int((self._now() - heard).total_seconds() // 60)
            yield Finding("hl7.heard", Severity.OK, say("the EMR was last heard {n} minutes ago", n=ago))
        count = say("{n} free slots in the next two weeks", n=len(reading.slots))
        yield Finding("hl7.slots", Severity.OK if reading.slots or self._settings.is_wake else Severity.WARN, count)

    def close(self) -> None:
        """Let nothing more in; any thread."""
        self._closed.set()
        if self._comparison is not None:
            self._comparison.close()
        if self._view is not None:
            self._view.close()

    def rows(self, window: Window) -> Iterable[AgendaRow]:
        """Return the clinic's day as the mirror has it."""
        self._read_view(window)
        with self._schedule.open(self._now()) as mirror:
            return agenda(self._certain(window), mirror.records.values(), window, self._settings.sites, self._ours())

    def names(self, window: Window) -> Iterable[Named]:
        """Return the codes of the openings with their free slots, and those of the mirror that no opening names."""
        self._read_view(window)
        with self._schedule.open(self._now()) as mirror:
            openings = list(self._openings(window))
            slots = self._free(mirror, window).slots
            met = {code for record in mirror.records.values() for code in record.people}
        known = {each.practitioner for each in openings}
        found = [
            Named("type", code, code, sum(slot.type == code for slot in slots))
            for code in sorted({each.type for each in openings})
        ]
        people = [
            Named("practitioner", code, code, sum(slot.practitioner.key == code for slot in slots))
            for code in sorted(known | met)
        ]
        sites = [
            Named("site", site.emr_code, site.id, sum(slot.site == site.id for slot in slots))
            for site in self._settings.sites
        ]
        return [*found, *people, *sites]

    def doubts(self) -> Sequence[Doubt]:
        """Return the messages whose times are kept back until they are understood, oldest first."""
        with self._schedule.open(self._now()):
            return [_doubt(each) for each in self._schedule.doubts(self._now())]

    def settle(self, number: int) -> Doubt:
        """Give the times of one message back on a person's word. Raises Refused when there is none of this number."""
        with self._schedule.open(self._now()):
            found = self._schedule.settle(number)
        if found is None:
            what = say("there is no message {n} in doubt", n=number)
            raise Refused(SETTLING, what, say("creneau hl7 doubts"), reason="no-doubt")
        return _doubt(found)

    def reconcile(self, window: Window) -> int | None:
        """Compare the mirror with the EMR's whole agenda when that is due; None = not due, or the EMR offers none."""
        self._now()
        if self._comparison is None:
            return None
        self._read_view(window)
        return self._comparison.run(window, self._people, self._ours)

    def serve(self, stop: Stop, wake: Callable[[], None]) -> None:
        """Listen until soon after stop. Raises Transient when the address is taken, Misconfigured for bad TLS files."""
        settings = self._settings
        intake = Intake(self._tools.raw, settings.terms, self._clock, self._tools.dice, settings.unreadable)

        def take(body: bytes) -> bytes:
            reply = intake.take(body)
            wake()
            return reply

        listener = Listener(settings.host, settings.port, take, settings.allow, settings.limits, settings.security)
        listener.serve(listener.bind(), stop)

    # ---- what the parts below share with the one that books

    def _now(self) -> datetime:
        if self._closed.is_set():
            raise Transient(READING, say("the adapter is closed"))
        return self._clock.now().utc

    def _ours(self) -> frozenset[str]:
        """Return the keys of records that are bookings of ours; a source that only reads has none."""
        return frozenset()

    def _people(self, window: Window) -> frozenset[str]:
        return frozenset(each.practitioner for each in self._openings(window))

    def _free(self, mirror: Mirror, window: Window) -> Freed:
        return free(self._certain(window), mirror.records.values(), self.name, self._settings.sites)

    def _certain(self, window: Window) -> list[Opening]:
        """Return the openings less those a message we did not understand may speak of."""
        openings = self._openings(window)
        doubts = doubtful(self._schedule.doubts(self._now()), Window(window.start, window.end + DAY))
        return apart(openings, doubts, self._settings.sites) if doubts else openings

    def _openings(self, window: Window) -> list[Opening]:
        settings = self._settings
        found = list(expand(settings.weekly, window, settings.sites, settings.closed))
        if settings.calendar is not None:
            found += [each for each in self._calendar(window) if each.start.date() not in settings.closed]
        if self._view is not None:
            found += [each for each in self._view.openings(window) if each.start.date() not in settings.closed]
        return found

    def _read_view(self, window: Window) -> None:
        """Bring the view up to date, before the mirror is held: a slow database must not stop those who book."""
        if self._view is not None:
            self._view.refresh(window)

    def _calendar(self, window: Window) -> Iterable[Opening]:
        settings = self._settings
        try:
            data = settings.calendar.read_bytes() if settings.calendar else b""
        except OSError as cause:
            hint = say("check the path and the rights of the service's account")
            raise Misconfigured(READING, say("the calendar cannot be opened"), hint, key="calendar") from cause
        zone = ZoneInfo(settings.sites[0].zone)
        for each in events(data, window, zone):
            if each.who:
                site = site_of(each.where if len(settings.sites) > 1 else "", settings.sites)
                local = ZoneInfo(next(one.zone for one in settings.sites if one.id == site))
                begins, ends = each.start.astimezone(local), each.end.astimezone(local)
                whole = ends.astimezone(UTC) - begins.astimezone(UTC)
                for start, end in cells(begins, ends, settings.minutes or whole):
                    if within(window, start):
                        yield Opening(site, each.who, start, end, each.what)

    def _findings(self, now: datetime, window: Window) -> Iterable[Finding]:
        settings, whole = self._settings, self._schedule.whole()
        dead, last = self._schedule.dead()
        if dead and last is not None and now - last < LOOK_BACK:
            hint = say("creneau hl7 explain FILE says why; the sender's log has the message")
            says = say("{n} messages could not be read, the last one within a week", n=dead)
            yield Finding("hl7.dead-letters", Severity.WARN, says, hint)
        if settings.is_wake:
            return
        if doubts := self._schedule.doubts(now):
            says = say("messages not understood: {n}; the times they may speak of are kept back", n=len(doubts))
            yield Finding("hl7.doubt", Severity.FAULT, says, say("creneau hl7 doubts"))
        yield from self._compared(now, whole)
        if self._view is not None:
            yield from self._view.findings(now)
        day = now.astimezone(ZoneInfo(settings.sites[0].zone)).date()
        loaded = settings.loaded if settings.loaded is not None and settings.loaded <= day else None
        if loaded is None and not whole.knows(window.end, self._people(window)):
            hint = say("have the EMR send every coming appointment, then write loaded = the day that was done")
            yield Finding("hl7.not-loaded", Severity.FAULT, say("the EMR's agenda was never sent whole"), hint)
            return
        yield from self._silent(now, loaded, whole)

    def _compared(self, now: datetime, whole: State) -> Iterable[Finding]:
        if whole.held:
            says = say("many appointments vanished at once from the EMR's list: they are still taken")
            hint = say("look at the EMR; the third list in a row that says so is believed")
            yield Finding("hl7.held", Severity.WARN, says, hint)
        if self._comparison is not None and (whole.at is None or now - whole.at > LATE):
            says = say("the mirror was not compared with the EMR's own agenda for two days")
            yield Finding("hl7.not-compared", Severity.WARN, says, say("the agent's log says why: source.not_compared"))

    def _silent(self, now: datetime, loaded: date | None, whole: State) -> Iterable[Finding]:
        settings = self._settings
        zone = ZoneInfo(settings.sites[0].zone)
        begun = datetime.combine(loaded, datetime.min.time(), zone) if loaded is not None else None
        since = max(at for at in (self._schedule.heard(), begun, whole.at) if at is not None)
        past = Window(max(since, now - LOOK_BACK), now + timedelta(days=1))
        if now - since > LOOK_BACK or open_time(self._openings(past), since, now) > settings.silence:
            hint = say("see whether the EMR's interface still runs; slots come back with its next message")
            yield Finding("hl7.silent", Severity.FAULT, say("the EMR has said nothing for too long"), hint)


def _doubt(held: Held) -> Doubt:
    return Doubt(held.number, held.received, held.event, (*held.people, *held.places), held.start, held.end, held.why)


def _foreign(freed: Freed) -> Finding:
    says = say("{n} appointments, and none names a person of the opening hours", n=freed.strangers)
    hint = say("compare the codes: creneau emr list")
    return Finding("hl7.other-codes", Severity.FAULT, says, hint)
