"""The guards of a booking, each taken away in turn; those the model needs a made-up adapter for stand in tests/model.

Rule: a guard that has a twin is taken away together with it.
"""

from tests.mutants.mutant import Edit, Mutant, mutant

CORE = (
    "unit",
    "tests/core/test_booking.py tests/core/test_booking_evidence.py tests/core/test_booking_found.py tests/core/test_booking_desk.py",
)
APPLY = ("unit", "tests/agent/apply")
ARRIVAL, START, EVIDENCE = (f"agent/core/booking/{name}.py" for name in ("arrival", "start", "evidence"))
LEG, WRITING = "agent/legs/apply/__init__.py", "agent/legs/apply/writing.py"
ROW, WATCH = "agent/core/booking/row.py", "agent/legs/apply/watch.py"


def model(what: str) -> tuple[str, str]:
    """Return a search of the model of bookings."""
    return "model", what


MUTANTS: tuple[Mutant, ...] = (
    mutant("R1: only a higher version", ARRIVAL, "    if order.version < row.seen_ver:\n        return row, ()\n", "    if order.version < row.seen_ver:\n        return _newest(row, event)\n", CORE),
    mutant("R1: same version, other body", ARRIVAL, "    if order.body_hash != row.body_hash:\n", "    if False:\n", CORE),
    mutant("R2: one intent", ARRIVAL, "    if row.state is State.INTENT:\n        return after, (Erase(),)\n", "", model("sql-sidecar book+cancel 1 1"), CORE),
    mutant("a doubt is a person's", ARRIVAL, "    if row.state is State.UNSURE:\n        return after, (Task(TaskKind.CHECKING), Erase())\n", "", CORE),
    mutant("a hold ends by itself", START, "    over = row.firmness is Firmness.HOLD and row.until is not None and event.now.utc >= row.until\n", "    over = False\n", model("sql-sidecar hold+expire 1 0"), CORE),
    mutant("a longest hold", ARRIVAL, "        if order.until - event.now > LONGEST_HOLD:\n", "        if False:\n", CORE),
    mutant("expired orders", START, "    return over or event.now.utc + longest >= row.expires_at\n", "    return over\n", CORE),
    mutant("free and allowed", START, "    return None if event.allowed and event.free else settle(row, Outcome.CONFLICT)\n", "    return None\n", model("sql-token book 1 0"), CORE),
    mutant("an open write is looked up under the turn", WRITING, "        elif not self.has_turn(row, now):\n", "        elif False:\n", APPLY),
    mutant("the agenda is read under the turn", LEG, "        seeing = [row for row in rows if _needs_agenda(row, now) and self._may_look(row, now)]\n", "        seeing = [row for row in rows if _needs_agenda(row, now)]\n", APPLY),
    mutant("a late answer is looked up under the turn", LEG, "        if not self._writing.has_turn(row, now):\n            return None\n", "", APPLY),
    mutant("limits", START, "    if event.limited:\n", "    if False:\n", CORE),
    mutant("frozen", START, "    if event.frozen or event.free is None:\n", "    if event.free is None:\n", CORE),
    mutant("a known clock", START, "    return event.skew_known and _has_turn(row, event, rules)\n", "    return _has_turn(row, event, rules)\n", CORE),
    Mutant(
        "a turn, the leg's and the adapter's",
        (Edit(START, "    return not rules.by_turn or _is_good(", "    return True or _is_good("),
         Edit("tests/model/agents.py", "        return turn is None or turn.good_until", "        return False and turn.good_until")),
        (model("sql-token book 2 0"), CORE),
    ),
    mutant("a move only where the new is won first", START, "    able = rules is None or rules.moves\n", "    able = True\n", CORE),
    mutant("a cancel of nothing is written too", START, "    return (row, ()) if waits else _intend(row, event, rules, Op.CANCEL)\n", "    return settle(row, Outcome.CANCELLED)\n", model("sql-sidecar book+cancel 1 1"), CORE),
    mutant("staff's is theirs", EVIDENCE, "    if effect.theirs:\n        return staff(row, effect)\n", "", CORE),
    mutant("a higher version supersedes", EVIDENCE, "    if known or effect.outcome is Outcome.SUPERSEDED:\n", "    if False:\n", model("sql-sidecar book+cancel 2 0"), CORE),
    mutant("superseded believes what is verified", EVIDENCE, "        shown = row if effect.pending else as_shown(row, effect)  #", "        shown = as_shown(row, effect)  #", CORE),
    mutant("elsewhere is not here", EVIDENCE, " and not cancels and not elsewhere:", " and not cancels:", CORE),
    mutant("what is not verified proves nothing", EVIDENCE, "    if effect.pending:\n        return False\n", "", model("fhir-if-match book+move 1 2"), model("sql-sidecar book+move 1 2"), CORE),
    mutant("quiet time", EVIDENCE, "    if event.now < quiet:\n        return row, (Ask(quiet),)\n", "", ("unit", "tests/core/test_booking_evidence.py tests/agent/apply")),
    Mutant(
        "quiet time, the leg's and the core's",
        (Edit(EVIDENCE, "    if event.now < quiet:\n        return row, (Ask(quiet),)\n", ""),
         Edit(WRITING, "        return since + rules.longest_write + rules.quiet - now.age\n", "        return timedelta(0)\n")),
        (model("hl7-enquiry book 1 1"), CORE),
    ),
    mutant("absent proves nothing without evidence", EVIDENCE, "    if rules is None or rules.recovery is Recovery.BLIND or (effect", "    if rules is None or (effect", model("hl7-blind book 1 1"), CORE),
    mutant("attempts end", EVIDENCE, " or row.attempt >= MOST_ATTEMPTS:", ":", CORE),
    mutant("undone is queued again", EVIDENCE, "    del event, rules\n    return _queued(row), ()\n\n\ndef failed", "    del event, rules\n    return settle(row, Outcome.CONFLICT)\n\n\ndef failed", model("sql-sidecar book+cancel 1 1"), CORE),
    mutant("a live hold claims its slot", ROW, "    slots = [row.goal_slot] if held(row, now) else []\n", "    slots = []\n", model("sql-sidecar hold+rival 1 0"), model("sql-sidecar hold+expire 1 0"), CORE),
    mutant("a write in doubt claims its slot", ROW, "    if row.state in DOUBTFUL:\n        slots +=", "    if False:\n        slots +=", model("sql-token hold+rival 1 1"), CORE),
    mutant("a confirm keeps its hold", ROW, "    return on_hold(row) or (settled and now < row.until)\n", "    return settled and now < row.until\n", CORE),
    mutant("the intent is saved first", LEG, "        stored = self._saving.store(after, actions, now)\n        if stored is None:\n            return  # a newer version", "        stored = after\n        if stored is None:\n            return  # a newer version", model("sql-sidecar book 1 0"), APPLY),
    Mutant(
        "enquire before a write, and after one",
        (
            Edit(LEG, "        if writes and (rules.enquire_first or (self.others and not has(row))):\n            return True\n", ""),
            Edit(LEG, " or self.enquire() or row.attempt > 0)", " or self.enquire())"),
            Edit(EVIDENCE, "    if event.now < quiet:\n        return row, (Ask(quiet),)\n", ""),
            Edit(WRITING, "        return since + rules.longest_write + rules.quiet - now.age\n", "        return timedelta(0)\n"),
        ),
        (model("hl7-enquiry book+cancel 1 2"), APPLY),
    ),
    mutant("a conflict may be with oneself", LEG, "            return True  # another agent of ours may have booked it for the very same order\n", "            return False\n", model("sql-sidecar book 2 0"), APPLY),
    mutant("a fenced write is run again under its turn only", WRITING, "        return has_turn(", "        return True or has_turn(", APPLY),
    Mutant(
        "no unfenced write is run again, the leg's and the core's",
        (
            Edit(WRITING, "        if not rules.fenced:\n            return None\n", ""),
            Edit(EVIDENCE, "    if rules.recovery is Recovery.RERUN:\n        return row, (again(row),)\n", "    if rules.recovery is not Recovery.BLIND:\n        return row, (again(row),)\n"),
        ),
        (model("hl7-enquiry book 1 1"), APPLY),
    ),
    mutant("a clock that was set decides nothing", LEG, "        if was_set(self.board.read().heard, now):\n", "        if False:\n", APPLY),
    mutant("nothing is late by a clock nobody confirmed", LEG, "        rows = [row for row in queued if timely or row.goal is None]\n", "        rows = list(queued)\n", APPLY),
    mutant("who has no turn judges no agenda", START, "    return event.skew_known and _has_turn(row, event, rules)\n", "    return event.skew_known\n", CORE),
    mutant("who has no turn holds nothing", START, "    if rules is not None and not _has_turn(row, event, rules):\n", "    if False:\n", CORE),
    mutant("one write in flight", LEG, "            blocked=self._blocked,\n", "            blocked=False,\n", model("sql-token hold+rival 1 1"), APPLY),
    mutant("an agenda that is read again", LEG, "            free = self._is_free(row, fresh, goal, now) if fresh or reading.complete else None\n", "            free = True\n", model("sql-token book 1 0"), APPLY),
    mutant("the rules as they are now", LEG, "                allowed = still_allowed(fresh, self.rules(), now.utc, on_hold=on_hold(row))\n", "                allowed = True\n", APPLY),
    mutant("many that vanish stop all writes", WATCH, "        if gone > MANY:\n            stop()\n", "        if gone > MANY:\n", APPLY),
    mutant("a lost answer is not a failure", WRITING, "            self.saving.commit(row, Unknown(now.utc), self.books.rules, now)\n", "            self.saving.commit(row, NotDone(), self.books.rules, now)\n", model("hl7-enquiry book 1 1"), APPLY),
    mutant("compare and swap", "agent/journal/bookings.py", "            if number != row.row and not (number is None and row.row == 0):\n", "            if False:\n", ("unit", "tests/agent/journal/test_bookings.py tests/agent/apply")),
)  # fmt: skip
