"""Each minute: renew the page of the front desk, and write to people when something is due.

Rule: a folder or a mail server that fails is said once down and once back, and tried again; nothing waits for it.
"""

import json
import logging
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from pathlib import Path

from agent.answers.house import Asked, House
from agent.answers.status import status, waiting
from agent.core.errors import CreneauError
from agent.core.message import Message, say
from agent.core.model import Instant
from agent.core.notices import Cause, Notice, Seen, Told, look, notice
from agent.desk.causes import causes
from agent.desk.mail import Mail, Send
from agent.desk.page import Answers, page
from agent.desk.voice import ClinicVoice

log = logging.getLogger("creneau.desk")

FILE = "creneau.html"
WHO = "desk"
FACT = "notices"
"""The journal's fact that remembers the last notice of each cause."""
DIGEST = time(7)
"""When the daily digest leaves, in the clinic's zone."""
MOST_WAIT = timedelta(minutes=30)


@dataclass
class Minute:
    """The work of one minute. `folder` None = no page; `send` None = no e-mail. One thread at a time."""

    house: House
    voice: ClinicVoice
    folder: Path | None
    send: Send | None
    _seen: Mapping[str, Seen] = field(init=False, default_factory=dict)
    _told: dict[str, Told] | None = field(init=False, default=None)
    _faults: dict[str, str] = field(init=False, default_factory=dict)
    _fails: int = field(init=False, default=0)
    _not_before: datetime | None = field(init=False, default=None)

    def run(self) -> None:
        """Do it; logs what fails, raises nothing that is a state of the world."""
        now = self.house.clock.now()
        try:
            shown = self._answers(now)
        except CreneauError as fault:
            self._state("answers", str(fault))
            return
        self._state("answers", "")
        if self.folder is not None:
            self._page(self.folder, shown)
        if self.send is not None:
            self._notices(self.send, shown, now)

    def _answers(self, now: Instant) -> Answers:
        asked = Asked({}, WHO, now)
        waits = waiting(self.house, asked)
        return Answers(
            clinic=self.house.plan().clinic.name,
            status=status(self.house, asked, waits),
            tasks=waits.tasks,
            unsold=waits.unsold,
            at=now.utc,
        )

    # ---- the page

    def _page(self, folder: Path, shown: Answers) -> None:
        try:
            _replace(folder / FILE, page(self.voice, shown))
        except OSError as error:
            self._state("page", type(error).__name__)
        else:
            self._state("page", "")

    def _state(self, what: str, fault: str) -> None:
        """Log once down, once back."""
        if self._faults.get(what, "") != fault:
            self._faults[what] = fault
            if fault:
                log.warning("desk.down what=%s why=%s", what, fault)
            else:
                log.info("desk.back what=%s", what)

    # ---- notices

    def _notices(self, send: Send, shown: Answers, now: Instant) -> None:
        if self._told is None:
            self._told = _recall(self.house.records.facts().get(FACT, "{}"))
        found = [*causes(self.voice, shown), *self._digest(shown)]
        self._seen = look(self._seen, found, self._told, now.utc)
        due = notice(found, self._seen, self._told, now.utc)
        if due is None or (self._not_before is not None and now.utc < self._not_before):
            return
        if due.holds or due.over:
            try:
                send(self._mail(due, shown), now.utc)
            except CreneauError as fault:
                self._fails += 1
                self._not_before = now.utc + min(MOST_WAIT, timedelta(minutes=2**self._fails))
                self._state("mail", fault.what.id)
                return
            log.info("notice.sent causes=%d over=%d", len(due.holds), len(due.over))
        self._fails, self._not_before = 0, None
        self._state("mail", "")
        self._told = dict(due.told)
        self.house.records.put({FACT: _keep(self._told)}, now)

    def _digest(self, shown: Answers) -> tuple[Cause, ...]:
        """Return the daily digest as a cause of its day: it holds from seven in the morning, and is told once."""
        local = self.voice.local(shown.at)
        if local.time() < DIGEST:
            return ()
        counts = shown.status["counts"]
        says = say(
            "Today: slots online {online}, online bookings {bookings}, tasks {tasks}.",
            online=counts["online"],
            bookings=counts["bookings"],
            tasks=counts["tasks"],
        )
        return (Cause(f"digest:{local:%Y-%m-%d}", says, grace=timedelta(0), again=None),)

    def _mail(self, due: Notice, shown: Answers) -> Mail:
        speak = self.voice.speech
        state = self.voice.cell(shown.status["says"])
        subject = speak(say("[Créneau] {clinic}: {state}", clinic=shown.clinic, state=state))
        lines = [state, ""]
        for cause in due.holds:
            lines.append(f"- {speak(cause.says)}")
            if cause.hint is not None:
                lines.append(f"  {speak(say('Try: {hint}', hint=speak(cause.hint)))}")
        lines += [f"- {speak(over)}" for over in due.over]
        lines += ["", speak(say("Sent by Créneau, the clinic's agent, without any patient's details."))]
        return Mail(subject, "\n".join(lines) + "\n")


def _replace(path: Path, text: str) -> None:
    """Write beside, then put in place: whoever reads sees the old page or the new one, whole."""
    handle, name = tempfile.mkstemp(prefix=".creneau-", suffix=".html", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        os.chmod(name, 0o644)  # noqa: PTH101 - the front desk's browser reads it under another account
        os.replace(name, path)  # noqa: PTH105 - a str from mkstemp
    except OSError:
        with suppress(OSError):
            os.unlink(name)  # noqa: PTH108 - a str from mkstemp
        raise


def _keep(told: Mapping[str, Told]) -> str:
    rows = {
        key: [one.at.isoformat(), one.holds, None if one.over is None else [one.over.id, dict(one.over.args)]]
        for key, one in sorted(told.items())
    }
    return json.dumps(rows, ensure_ascii=False)


def _recall(text: str) -> dict[str, Told]:
    told = {}
    for key, (at, holds, over) in json.loads(text).items():
        message = None if over is None else Message(over[0], tuple(sorted(over[1].items())))
        told[key] = Told(datetime.fromisoformat(at), holds, message)
    return told
