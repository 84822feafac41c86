"""A folder of files as the agent sees it: Emr, Agenda, Names and Listens; read-only, so bookings become tasks.

Rule: what is published comes from files taken whole; while there is none to be trusted nothing is published anew.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from adapters.agenda import Freed, Mirror, Opening, Record, agenda, expand, free
from adapters.agenda.mirror import PREFIX, load
from adapters.agenda.openings import within
from adapters.er7 import Unread, read
from adapters.files import rows
from adapters.files.settings import Settings
from adapters.files.state import State, after, read_state
from adapters.pickup import Picked, pick, stamps
from agent.core.errors import CreneauError, Misconfigured, Transient
from agent.core.message import say
from agent.core.model import AgendaRow, EmrName, Finding, Reading, Severity, Window
from agent.ports import Named, Stop, Tools

log = logging.getLogger("creneau.files")

READING = say("read slots")
NOTE, SEEN = "files", "seen:"
EVERY = 2.0
"""Seconds between two looks of the watcher at the folder."""
_DOORS: dict[EmrName, threading.RLock] = {}
_MAKING = threading.Lock()


class FilesEmr:
    """One folder. Every object of a source shares the stored state; `serve` only wakes."""

    def __init__(self, name: EmrName, settings: Settings, tools: Tools) -> None:
        """Open nothing yet."""
        self.name = name
        self._settings = settings
        self._store = tools.store
        self._clock = tools.clock
        self._zones = {str(site.id): ZoneInfo(site.zone) for site in settings.sites}
        with _MAKING:
            self._door = _DOORS.setdefault(name, threading.RLock())
        self._closed = threading.Event()
        self._refused: CreneauError | None = None

    def slots(self, window: Window) -> Reading:
        """Return what is free by the newest files; incomplete while they are old, held back or not whole."""
        now = self._now()
        state = self._take_in(now)
        found = list(self._findings(state, now))
        if any(each.severity is Severity.FAULT for each in found):
            return Reading(window, now, (), complete=False, findings=tuple(found))
        return Reading(window, now, self._free(state, window).slots, findings=tuple(found))

    def check(self) -> Iterable[Finding]:
        """Say how old the files are, what is held back or refused, what was found."""
        now = self._now()
        reading = self.slots(Window(now, now + timedelta(days=14)))
        yield from reading.findings
        count = say("{n} free slots in the next two weeks", n=len(reading.slots))
        yield Finding("files.slots", Severity.OK if reading.slots else Severity.WARN, count)

    def close(self) -> None:
        """Let nothing more in; any thread."""
        self._closed.set()

    def rows(self, window: Window) -> Iterable[AgendaRow]:
        """Return the clinic's day as the files have it."""
        state = self._take_in(self._now())
        return agenda(self._openings(state, window), state.taken, window, self._settings.sites)

    def names(self, window: Window) -> Iterable[Named]:
        """Return the codes of the files and the opening hours with their free slots."""
        state = self._take_in(self._now())
        openings, slots = self._openings(state, window), self._free(state, window).slots
        people = {each.practitioner for each in openings} | {code for each in state.taken for code in each.people}
        kinds = {each.type for each in openings}
        found = [Named("type", code, code, sum(slot.type == code for slot in slots)) for code in sorted(kinds)]
        found += [
            Named("practitioner", code, code, sum(slot.practitioner.key == code for slot in slots))
            for code in sorted(people)
        ]
        return found + [
            Named("site", site.emr_code, site.id, sum(slot.site == site.id for slot in slots))
            for site in self._settings.sites
        ]

    def serve(self, stop: Stop, wake: Callable[[], None]) -> None:
        """Wake the readers when the folder changes, and once more when what changed has come to rest."""
        seen: frozenset[tuple[str, int, int]] = frozenset()
        due = False
        while not stop.is_set() and not self._closed.is_set():
            with suppress(Transient):  # the readers say so; the watcher looks again
                now = stamps(self._settings.folder, self._settings.pattern)
                if now != seen or due:
                    due = now != seen
                    seen = now
                    wake()
            stop.wait(max(EVERY, self._settings.settle.total_seconds()) if due else EVERY)

    # ---- taking files in

    def _take_in(self, now: datetime) -> State:
        settings = self._settings
        with self._door:
            state = read_state(self._store.notes(NOTE).get(NOTE), self._zones)
            alone = not (settings.each or settings.changes)
            picked = pick(settings.folder, settings.pattern, settings.settle, now, newest=alone)
            if not picked:
                return state
            try:
                new = self._changes(picked, now) if settings.changes else self._complete(state, picked, now)
                self._refused = None
            except Misconfigured:
                raise
            except Transient as fault:
                self._refused = fault
                log.warning("files.refused what=%r", str(fault))
                return state
            if new != state:
                self._store.note({NOTE: new.dump()})
            return new

    def _complete(self, state: State, picked: list[Picked], now: datetime) -> State:
        """Read the files that are the agenda; nothing is read twice."""
        use = picked
        digests = tuple(sorted(one.digest for one in use)) if self._settings.each else (use[0].digest,)
        if digests == state.digests or (state.held and digests[-1] == state.held[-1]):
            return self._seen_again(state, use)
        parts = [rows.content(one.data, self._settings, one.written) for one in use]
        whole = rows.Content(
            tuple(each for part in parts for each in part.free),
            tuple(each for part in parts for each in part.taken),
            sum(part.left_out for part in parts),
        )
        new = after(state, whole, digests, use[-1].written, now, self._settings.most)
        if new.held:
            log.error("files.held_back n=%d", len(new.held))
        return new

    def _seen_again(self, state: State, use: list[Picked]) -> State:
        """Take the same content written again for a second complete reading: it leaves out what it left out."""
        if state.held or not state.written or use[-1].written <= state.written:
            return state
        parts = [rows.content(one.data, self._settings, one.written) for one in use]
        whole = rows.Content(
            tuple(each for part in parts for each in part.free),
            tuple(each for part in parts for each in part.taken),
            state.left_out,
        )
        return after(state, whole, state.digests, use[-1].written, use[-1].written, 100)

    def _changes(self, picked: list[Picked], now: datetime) -> State:
        """Apply each HL7 file once, in order; a file with a message that cannot be read is refused whole."""
        seen = self._store.notes(SEEN)
        mirror = Mirror(load(note) for note in self._store.notes(PREFIX).values())
        notes: dict[str, bytes | None] = {}
        for one in picked:
            mark = SEEN + one.digest[:32]
            if mark in seen:
                continue
            for body in rows.whole(one.data):
                try:
                    changed = mirror.take(read(body, self._settings.terms, one.written))
                except Unread as no:
                    why = say("a message in it cannot be read ({place})", place=no.place)
                    raise Transient(rows.DOING, why) from no
                notes.update({key: record.dump() if record else None for key, record in changed.items()})
            notes[mark] = one.written.isoformat().encode()
        notes.update(dict.fromkeys(mirror.prune(now)))
        self._store.note(notes)
        return State((), picked[-1].written, (), tuple(mirror.records.values()))

    # ---- what is free

    def _now(self) -> datetime:
        if self._closed.is_set():
            raise Transient(READING, say("the adapter is closed"))
        return self._clock.now().utc

    def _openings(self, state: State, window: Window) -> list[Opening]:
        settings = self._settings
        found = list(expand(settings.weekly, window, settings.sites, settings.closed))
        return found + [each for each in state.free if within(window, each.start) and not _is_on(settings.closed, each)]

    def _free(self, state: State, window: Window) -> Freed:
        standing: Iterable[Record] = state.taken
        return free(self._openings(state, window), standing, self.name, self._settings.sites)

    def _findings(self, state: State, now: datetime) -> Iterable[Finding]:
        if state.written is None:
            hint = self._refused.what if self._refused is not None else say("see whether the EMR's export still runs")
            yield Finding("files.none", Severity.FAULT, say("no whole file was found yet"), hint)
        elif now - state.written > self._settings.oldest:
            hint = say("see whether the EMR's export still runs")
            yield Finding("files.old", Severity.FAULT, say("the newest whole file is too old"), hint)
        if state.held:
            hint = say("look at the export; the third file in a row that says so is believed")
            yield Finding("files.held", Severity.FAULT, say("many times vanished at once: the file is held back"), hint)
        if self._refused is not None and state.written is not None:
            hint = say("the last whole file stands")
            if self._settings.changes:  # what it takes nobody knows
                hint = say("nothing is offered until this file is whole, mended or taken away")
            severity = Severity.FAULT if self._settings.changes else Severity.WARN
            yield Finding("files.refused", severity, self._refused.what, hint)
        if state.left_out:
            left = say("{n} rows could not be read and are left out", n=state.left_out)
            yield Finding("files.left-out", Severity.WARN, left)


def _is_on(days: frozenset[date], opening: Opening) -> bool:
    return opening.start.date() in days
