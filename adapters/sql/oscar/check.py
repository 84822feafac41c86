"""Touch everything in OSCAR's database and change nothing.

Rule: every table that reads and writes need is named in the findings, present or not.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from adapters.sql.dialect import Kind
from adapters.sql.oscar import expand, rows
from adapters.sql.oscar.read import pull
from adapters.sql.oscar.terms import Terms
from adapters.sql.session import Session, Work
from agent.core.message import say
from agent.core.model import Finding, Severity, Window

TABLES = (
    "appointment",
    "appointmentArchive",
    "scheduledate",
    "scheduletemplate",
    "scheduletemplatecode",
    "scheduleholiday",
    "provider",
    "demographic",
    "site",
)
AHEAD = timedelta(days=14)

DOING = say("check the EMR")


def findings(session: Session, terms: Terms, now: datetime) -> list[Finding]:
    """Return facts of the engine, tables, sidecar, then a trial read of two weeks. Raises what the port allows."""
    found = [*_engine(session), *_tables(session), _sidecar(session), *_unsafe(session)]
    if any(each.severity is Severity.FAULT for each in found):
        return found
    return [*found, *_trial(session, terms, now)]


def _engine(session: Session) -> Iterator[Finding]:
    with session.reading(DOING) as work:
        facts = [(fact, str(work.rows(sql)[0][0])) for fact, sql in session.dialect.facts()]
    name = session.dialect.name
    for fact, value in facts:
        yield Finding(f"sql.{fact}", Severity.OK, say("{engine}: {fact} {value}", engine=name, fact=fact, value=value))


def _tables(session: Session) -> Iterator[Finding]:
    for table in TABLES:
        with session.reading(DOING) as work:
            number = _count(session, work, f"SELECT COUNT(*) FROM {table}")  # noqa: S608 - a constant's word
        if number is None:
            says, hint = say("the table {table} is missing or may not be read", table=table), say("creneau emr grants")
            yield Finding("oscar.table", Severity.FAULT, says, hint)
        else:
            yield Finding("oscar.table", Severity.OK, say("table {table}: {n} rows", table=table, n=number))


def _sidecar(session: Session) -> Finding:
    with session.reading(DOING) as work:
        there = _count(session, work, rows.PROBE, empty=0) is not None
    if there:
        return Finding("oscar.sidecar", Severity.OK, say("the table creneau_applied is there: bookings can be written"))
    says = say("no table creneau_applied of this version: nothing can be written")
    return Finding("oscar.sidecar", Severity.WARN, says, say("creneau emr grants"))


def _unsafe(session: Session) -> Iterator[Finding]:
    if not session.dialect.unsafe:
        return
    with session.reading(DOING) as work:
        names = [str(row[0]) for row in work.rows(session.dialect.unsafe)]
    for table in names:
        says = say("the table {table} knows no transactions: nothing may be written", table=table)
        yield Finding("oscar.engine", Severity.FAULT, says, say("ALTER TABLE … ENGINE = InnoDB, by the EMR's vendor"))


def _trial(session: Session, terms: Terms, now: datetime) -> Iterator[Finding]:
    window = Window(now, now + AHEAD)
    with session.reading(DOING) as work:
        raw = pull(work, f"{now:%Y-%m-%d}", f"{window.end:%Y-%m-%d}")
    free, odd = expand.slots(raw, terms, window)
    says = say("{n} free slots in the next {days} days", n=len(free), days=AHEAD.days)
    yield Finding("oscar.slots", Severity.OK if free else Severity.WARN, says)
    yield from odd


def _count(session: Session, work: Work, sql: str, *, empty: int | None = None) -> int | None:
    """Return the first value; None when the table or a column is not there."""
    try:
        found = work.rows(sql)
    except session.dialect.errors as cause:
        if session.dialect.kind(cause) is Kind.SETUP:
            return None
        raise
    return int(found[0][0]) if found else empty
