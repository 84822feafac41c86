"""Look at the EMR's whole agenda when it is due: at night by a query, or when it dropped a new file.

Rule: nothing waits for the EMR while the mirror is held; an answer that is not whole leaves everything as it was.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from adapters.hl7v2.build import Envelope
from adapters.hl7v2.query import Asking, shown
from adapters.hl7v2.reconcile import MARGIN, Compared, State
from adapters.hl7v2.schedule import Schedule
from adapters.hl7v2.sender import Sender
from adapters.hl7v2.settings import Settings, WholeAgenda
from adapters.hl7v2.whole import Whole, of_file
from adapters.pickup import pick
from agent.core.model import EmrName, Window
from agent.ports import Tools

log = logging.getLogger("creneau.hl7")

SETTLE = timedelta(seconds=10)
"""A file that changed since then is still being written."""
APART = timedelta(minutes=5)
"""How far the clock of whoever wrote a file may be off ours."""
AGAIN = timedelta(minutes=5)
"""After which what vanished once is looked for a second time."""


class Comparison:
    """One source's way to its EMR's whole agenda. `close` from any thread ends a question under way."""

    def __init__(self, name: EmrName, settings: Settings, way: WholeAgenda, tools: Tools, schedule: Schedule) -> None:
        """Connect nothing yet."""
        self._way = way
        self._tools = tools
        self._settings = settings
        self._schedule = schedule
        self._zone = ZoneInfo(settings.sites[0].zone)
        self._envelope = Envelope(str(name), way.application, way.facility, settings.label)
        self._sender = Sender(way.to) if way.to is not None else None

    def run(
        self, window: Window, whom: Callable[[Window], frozenset[str]], ours: Callable[[], frozenset[str]]
    ) -> int | None:
        """Look when it is due; return how many records changed, None = not due. Raises Transient, Refused.

        `whom`: the people of a window's openings; `ours`: keys of our bookings' records.
        """
        now = self._tools.clock.now().utc
        window = Window(window.start, window.end + MARGIN)
        with self._schedule.open(now) as mirror:
            state, before = self._schedule.whole(), dict(mirror.records)
        whole = self._ask(state, window, whom, now) if self._sender is not None else self._file(state, window, now)
        if whole is None:
            return None
        if whole.mark:  # by two clocks: what was told about when it was written, or later, is newer
            before = {key: each for key, each in before.items() if each.sent < whole.at}
        with self._schedule.open(now) as mirror:
            done = self._schedule.take_whole(mirror, before, whole, ours(), self._way.most)
        self._say(done, len(whole.changes))
        return len(done.notes)

    def close(self) -> None:
        """End; any thread."""
        if self._sender is not None:
            self._sender.close()

    def _ask(
        self, state: State, window: Window, whom: Callable[[Window], frozenset[str]], now: datetime
    ) -> Whole | None:
        again = bool(state.missing) and state.tried is not None and now - state.tried >= AGAIN
        people = whom(window)
        new = state.whom is not None and not people <= state.whom
        if self._sender is None or not people or not (again or new or self._is_night(state, now)):
            return None
        span = Window(*(at.astimezone(self._zone) for at in (window.start, window.end)))
        first = Asking("", span, now, self._tools.dice.token())
        return shown(self._sender, people, first, self._settings.terms, self._envelope)

    def _file(self, state: State, window: Window, now: datetime) -> Whole | None:
        folder = self._way.folder
        found = [] if folder is None else pick(folder, self._way.pattern, SETTLE, now, newest=True)
        if not found or (mark := f"{found[0].digest} {found[0].written.isoformat()}") == state.mark:
            return None
        written = min(found[0].written, now)
        return of_file(found[0], self._settings.terms, window, written - APART, mark)

    def _is_night(self, state: State, now: datetime) -> bool:
        """Say whether the hour came since the last look; a source that never looked looks at once."""
        if state.tried is None:
            return True
        local = now.astimezone(self._zone)
        night = datetime.combine(local.date(), self._way.at, self._zone)
        last = night if night.astimezone(UTC) <= now else night - timedelta(days=1)
        return state.tried < last.astimezone(UTC)

    def _say(self, done: Compared, n: int) -> None:
        level = logging.ERROR if done.state.held else logging.INFO
        log.log(
            level,
            "hl7.compared shown=%d added=%d moved=%d gone=%d missing=%d held=%d",
            n, done.added, done.moved, done.gone, len(done.state.missing), done.state.held,
        )  # fmt: skip
