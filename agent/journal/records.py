"""What the command line and the wiring look up and do in the journal.

Rule: every act of a person is a ledger line with their name, in the transaction of the act.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from agent.core.booking import Answered, Booking, TaskKind, advance
from agent.core.chain import first_bad
from agent.core.errors import Refused
from agent.core.message import say
from agent.core.model import BookingId, Instant
from agent.journal import deeds, entered, facts, ledger, rows
from agent.journal.bookings import sealed
from agent.journal.codec import maybe_moment, maybe_slot, micros, moment, shared_of, to_json
from agent.journal.erasing import Eraser
from agent.journal.inbox import perform
from agent.journal.store import Store
from agent.journal.tx import Reader, Tx
from agent.ports import Box, LedgerLine, Sizes, Task, ToldRow

YES, NO = "in-agenda", "not-in-agenda"
TASKS = "SELECT id, booking, kind, facts, opened, answer, answered, who FROM task"
CHUNK = 1000


class JournalRecords:
    """The Records port; any thread."""

    def __init__(self, store: Store, box: Box, eraser: Eraser) -> None:
        self._store = store
        self._box = box
        self._eraser = eraser

    def facts(self) -> Mapping[str, str]:
        """Return every fact by name."""
        return self._store.read(facts.every)

    def put(self, changes: Mapping[str, str | None], now: Instant, *, kind: str = "", who: str = "") -> None:
        """Set facts, and with a `kind` say so in the ledger."""

        def work(tx: Tx) -> None:
            facts.put(tx, changes)
            if kind:
                ledger.append(tx, kind, to_json(dict(changes)).encode(), now.utc, who)

        self._store.write(work)

    def bookings(self) -> Sequence[Booking]:
        """Return every booking of every source, by id."""
        return self._store.read(lambda db: [rows.booking_of(row) for row in db.rows(f"{rows.SELECT} ORDER BY booking")])

    def tasks(self, *, answered: bool = False) -> Sequence[Task]:
        """Return open tasks, oldest first; with `answered` the closed ones too."""
        where = "" if answered else " WHERE answered IS NULL"
        return [_task(row) for row in self._store.read(lambda db: db.rows(f"{TASKS}{where} ORDER BY id"))]

    def task(self, n: int) -> Task:
        """Return one task; Refused(reason="no-task")."""
        return self._store.read(lambda db: _found(db, n))

    def answer(self, n: int, *, in_agenda: bool, who: str, now: Instant) -> Task:
        """Close a task with a person's answer and do what follows from it."""

        def work(tx: Tx) -> tuple[Task, int]:
            task = _found(tx, n)
            if task.answered is not None:
                raise Refused(say("answer a task"), say("task {n} is already closed", n=n), reason="answered")
            said = YES if in_agenda else NO
            tx.run("UPDATE task SET answer = ?, answered = ?, who = ? WHERE id = ?", said, micros(now.utc), who, n)
            ledger.append(tx, "task", to_json({"task": n, "answer": said}).encode(), now.utc, who)
            erased = 0
            row = None if task.booking is None else rows.stored(tx, task.booking)
            if row is not None:
                new, actions = advance(row, Answered(in_agenda, who, TaskKind(task.kind)), None)
                if new != row:
                    new = deeds.keep(tx, new, now.utc)
                if in_agenda:
                    entered.said(tx, new)
                elif task.kind == TaskKind.AFTER_CANCEL:
                    entered.release(tx, row.booking)
                perform(tx, new, actions, now.utc)
                erased = deeds.erase(tx, new)
            return _found(tx, n), erased

        task, erased = self._store.write(work)
        self._eraser.note(erased)
        return task

    def sealed(self, n: int, *, who: str, now: Instant) -> tuple[BookingId, int, str] | None:
        """Return booking, version and JWE of a task's patient while kept; the ledger says who looked."""

        def work(tx: Tx) -> tuple[BookingId, int, str] | None:
            task = _found(tx, n)
            ledger.append(tx, "task", to_json({"task": n, "looked": True}).encode(), now.utc, who)
            version = int(task.facts.get("version", 0))
            jwe = None if task.booking is None else sealed(tx, self._box, task.booking, version)
            return None if task.booking is None or jwe is None else (task.booking, version, jwe)

        return self._store.write(work)

    def told(self) -> Sequence[ToldRow]:
        """Return what the hub holds, by start."""
        sql = (
            "SELECT t.id, t.shared, s.slot, coalesce(s.since, t.at), t.gone FROM told t LEFT JOIN slot s ON s.id = t.id"
        )
        found = [
            ToldRow(slot_id, shared_of(shared), maybe_slot(slot), moment(since), maybe_moment(gone))
            for slot_id, shared, slot, since, gone in self._store.read(lambda db: db.rows(sql))
        ]
        return sorted(found, key=lambda row: (row.shared.start if row.slot is None else row.slot.start, row.id))

    def sizes(self) -> Sizes:
        """Return how full the journal is."""
        return self._store.sizes()

    def line(self, kind: str, body: bytes, now: Instant, *, who: str = "") -> LedgerLine:
        """Append one ledger line."""
        return self._store.write(lambda tx: ledger.append(tx, kind, body, now.utc, who), settle=False)

    def ledger(self, after: int = 0, limit: int = 1000) -> Sequence[LedgerLine]:
        """Return lines with n above `after`, in order."""
        return self._store.read(lambda db: ledger.lines(db, after, limit))

    def head(self) -> LedgerLine | None:
        """Return the last line."""
        return self._store.read(ledger.head)

    def anchor(self) -> tuple[int, bytes]:
        """Return number and hash of the line before the first that is kept."""
        return self._store.read(ledger.anchor)

    def verify(self) -> int | None:
        """Return the n of the first bad line; reads in pieces, so that a long ledger holds nobody up."""
        before, previous = self.anchor()
        while piece := self.ledger(before, CHUNK):
            bad = first_bad(piece, previous, before)
            if bad is not None:
                return bad
            previous, before = piece[-1].hash, piece[-1].n
        return None


def _found(db: Reader, n: int) -> Task:
    row = db.one(f"{TASKS} WHERE id = ?", n)
    if row is None:
        raise Refused(
            say("look up a task"), say("there is no task {n}", n=n), say("creneau tasks list"), reason="no-task"
        )
    return _task(row)


def _task(row: tuple[Any, ...]) -> Task:
    n, booking, kind, known, opened, answer, answered, who = row
    said = None if answer is None else answer == YES
    return Task(n, booking, kind, json.loads(known), moment(opened), said, maybe_moment(answered), who or "")
