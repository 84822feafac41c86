"""Touch everything in an EMR's database and change nothing.

Rule: every table that reads and writes need is named in the findings, present or not.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from adapters.sql.dialect import Kind
from adapters.sql.mapping import Booking, Mapping
from adapters.sql.session import Session, Work
from adapters.sql.sidecar import TABLE, Sidecar
from adapters.sql.write import Memory
from agent.core.message import say
from agent.core.model import Finding, Severity, Window

AHEAD = timedelta(days=14)

DOING = say("check the EMR")


def findings(session: Session, mapping: Mapping, memory: Memory | None, now: datetime) -> list[Finding]:
    """Return facts of the engine, tables, sidecar, then a trial read of two weeks. Raises what the port allows."""
    found = [
        *_engine(session),
        *_limits(session),
        *_tables(session, mapping),
        *_memory(session, mapping, memory),
        *_unsafe(session, mapping),
    ]
    if any(each.severity is Severity.FAULT for each in found):
        return found
    return [*found, *_trial(session, mapping, now)]


def _engine(session: Session) -> Iterator[Finding]:
    with session.reading(DOING) as work:
        facts = [(fact, str(work.rows(sql)[0][0])) for fact, sql in session.dialect.facts()]
    name = session.dialect.name
    for fact, value in facts:
        yield Finding(f"sql.{fact}", Severity.OK, say("{engine}: {fact} {value}", engine=name, fact=fact, value=value))


def _limits(session: Session) -> Iterator[Finding]:
    """Say that the connection was proved, and prove that the server ends a statement that takes too long."""
    statements = session.dialect.endless()
    if not statements:
        return
    says = say("the driver passed its self-test: texts, times, truth values, row counts, isolation")
    yield Finding("sql.selftest", Severity.OK, says)
    with session.reading(DOING) as work:
        try:
            for sql in statements:
                work.change(sql)
            ended = False
        except session.dialect.errors as cause:
            if session.dialect.kind(cause) is not Kind.SLOW:
                raise
            ended = True
    session.renew()
    if ended:
        yield Finding("sql.timeout", Severity.OK, say("the server ends a statement that takes too long"))
    else:
        says = say("the server does not end a statement that takes too long: a poll could keep it busy")
        yield Finding("sql.timeout", Severity.FAULT, says, say("look for a proxy between the agent and the database"))


def _tables(session: Session, mapping: Mapping) -> Iterator[Finding]:
    for table in mapping.tables:
        with session.reading(DOING) as work:
            number = _count(session, work, f"SELECT COUNT(*) FROM {table}")  # noqa: S608 - a constant's word
        if number is None:
            says, hint = say("the table {table} is missing or may not be read", table=table), say("creneau emr grants")
            yield Finding(f"{mapping.name}.table", Severity.FAULT, says, hint)
        else:
            yield Finding(f"{mapping.name}.table", Severity.OK, say("table {table}: {n} rows", table=table, n=number))


def _memory(session: Session, mapping: Mapping, memory: Memory | None) -> Iterator[Finding]:
    if memory is None:
        return
    code, there = f"{mapping.name}.sidecar", True
    with session.reading(DOING) as work:
        try:
            memory.probe(work)
        except session.dialect.errors as cause:
            if session.dialect.kind(cause) is not Kind.SETUP:
                raise
            there = False
    if there and isinstance(memory, Sidecar):
        says = say("the table creneau_applied is there: bookings can be written")
        yield Finding(code, Severity.OK, says)
    elif not there:
        says = say("no table creneau_applied of this version: nothing can be written")
        yield Finding(code, Severity.WARN, says, say("creneau emr grants"))


def _unsafe(session: Session, mapping: Mapping) -> Iterator[Finding]:
    sql = session.dialect.unsafe([*mapping.written, TABLE]) if isinstance(mapping, Booking) else ""
    if not sql:
        return
    with session.reading(DOING) as work:
        names = [str(row[0]) for row in work.rows(sql)]
    for table in names:
        says = say("the table {table} knows no transactions: nothing may be written", table=table)
        yield Finding(
            f"{mapping.name}.engine", Severity.FAULT, says, say("ALTER TABLE … ENGINE = InnoDB, by the EMR's vendor")
        )


def _trial(session: Session, mapping: Mapping, now: datetime) -> Iterator[Finding]:
    window = Window(now, now + AHEAD)
    with session.reading(DOING) as work:
        picture = mapping.read(work, *mapping.clinic.days(window))
    free, odd = picture.slots(window)
    says = say("{n} free slots in the next {days} days", n=len(free), days=AHEAD.days)
    yield Finding(f"{mapping.name}.slots", Severity.OK if free else Severity.WARN, says)
    yield from odd


def _count(session: Session, work: Work, sql: str) -> int | None:
    """Return the one value; None when the table or a column is not there."""
    try:
        found = work.rows(sql)
    except session.dialect.errors as cause:
        if session.dialect.kind(cause) is Kind.SETUP:
            return None
        raise
    return int(found[0][0])
