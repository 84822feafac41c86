"""A made-up clinic: an OSCAR-shaped SQLite file, and a receptionist who works in it.

Rule: the same seed and start give the same clinic; nobody in it exists.
"""

import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from adapters.sql.private import connect
from adapters.sql.schema import TABLES

Base = Path | str
"""Where the agenda is: an SQLite file, or the ODBC connection text of a MariaDB server."""

DAYS = 30
BOOKED = 0.6
CELL = 15

_DOCTORS = (
    # number, family, given, template, weekdays worked (0 = Monday)
    ("101", "Gagnon", "Andrée", "Matin", (0, 1, 2, 3, 4)),
    ("102", "Simard", "Benoît", "P:Journée", (0, 1, 2, 3, 4)),
    ("103", "Côté", "Chloé", "P:Journée", (0, 1, 2, 4)),
    ("104", "Lavoie", "Denis", "P:Journée", (1, 2, 3)),  # has not agreed: absent from the sample's [practitioners]
    ("105", "Bouchard", "Édith", "Mixte", (0, 2, 4)),  # has a code nobody named: X
)
_TEMPLATES = (
    # 96 cells of 15 minutes from midnight: 08:00 is cell 32, 12:00 is 48, 13:00 is 52, 16:00 is 64
    ("101", "Matin", "_" * 32 + "s" * 8 + "1" * 8 + "_" * 4 + "W" * 8 + "1" * 4 + "_" * 32),
    ("Public", "P:Journée", "_" * 32 + "1" * 8 + "s" * 4 + "W" * 4 + "_" * 4 + "1" * 8 + "s" * 4 + "_" * 32),
    ("105", "Mixte", "_" * 32 + "s" * 4 + "X" * 4 + "S" * 4 + "1" * 4 + "_" * 48),
)
_CODES = (
    ("s", "Sans rendez-vous, jour même", "15", "Day"),
    ("S", "Sur demande du médecin", "15", "No"),
    ("W", "Semi-urgent, semaine", "15", "Wk"),
    ("1", "Suivi", "15", "No"),
    ("X", "Technique", "15", "No"),
)
_FAMILIES = ("Tremblay", "Bergeron", "Fortin", "Gauthier", "Girard", "Harvey", "Lévesque", "Maltais", "Néron", "Pilote")
_GIVEN = ("Alice", "Émile", "Florence", "Gérard", "Hélène", "Jacob", "Léa", "Noël", "Océane", "Raphaël", "Zoé", "Rémi")
_STATUSES = ("t",) * 80 + ("T",) * 4 + ("C",) * 6 + ("N",) * 2 + ("CS",) * 2 + ("H",) * 3 + ("tS",) * 3
_PATIENTS = 120
_SITE = "Clinique du Fjord"


@dataclass(frozen=True, slots=True)
class Row:
    """One appointment as a judge reads it; wall clock of the clinic, `end` the inclusive last minute."""

    number: int
    provider: str
    start: datetime
    end: datetime
    status: str
    creator: str
    name: str = field(repr=False)

    @property
    def is_active(self) -> bool:
        """Say whether it still takes its time."""
        return self.status[:1] not in ("C", "D")


def make(path: Path, start: date, seed: int = 7) -> None:
    """Write the clinic's database: 5 doctors, 30 days from `start`, about 60 % booked. Replaces the file."""
    dice = random.Random(seed)  # noqa: S311 - made-up data
    path.unlink(missing_ok=True)
    with _open(path, create=True) as base:
        for table in TABLES:
            base.execute(table)
        _people(base, dice, start)
        _schedules(base, start)
        _appointments(base, dice, start)


def tables(path: Path) -> dict[str, tuple[Sequence[str], Sequence[Sequence[object]]]]:
    """Return what a made clinic holds, {table: (columns, rows)}, to be put into another database."""
    found: dict[str, tuple[Sequence[str], Sequence[Sequence[object]]]] = {}
    with _open(path) as base:
        for (table,) in base.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite*'"):
            read = base.execute(f"SELECT * FROM {table}")  # noqa: S608 - the file's own names
            found[table] = ([column[0] for column in read.description], read.fetchall())
    return found


def rows(base: Base) -> list[Row]:
    """Return every appointment, oldest number first, read apart from any adapter."""
    with _base(base) as open_:
        found = open_.execute("""SELECT appointment_no, provider_no, CAST(appointment_date AS CHAR),
            CAST(start_time AS CHAR), CAST(end_time AS CHAR), status, creator, name
            FROM appointment ORDER BY appointment_no""").fetchall()
    return [
        Row(number, who, _at(day, first), _at(day, last), status or "", creator or "", name or "")
        for number, who, day, first, last, status, creator, name in found
    ]


class Receptionist:
    """Works in the same file as the screens do: looks, then writes, with no lock in between."""

    def __init__(self, base: Base) -> None:
        """Sit down at the desk."""
        self._base = base

    def looks(self, provider: str, start: datetime, minutes: int = CELL) -> bool:
        """Say whether the time seems free to her."""
        end = start + timedelta(minutes=minutes - 1)
        return not any(
            row.is_active and row.provider == provider and row.start <= end and row.end >= start
            for row in rows(self._base)
        )

    def book(self, provider: str, start: datetime, minutes: int = CELL, *, look: bool = True) -> int | None:
        """Book by phone, wall clock of the clinic; None when she looked and it was taken. `look=False`: she had looked."""
        if look and not self.looks(provider, start, minutes):
            return None
        end = start + timedelta(minutes=minutes - 1)
        values = (provider, f"{start:%Y-%m-%d}", f"{start:%H:%M:00}", f"{end:%H:%M:00}")
        with _base(self._base) as base:
            made = base.execute(
                """INSERT INTO appointment(provider_no, appointment_date, start_time, end_time, name, demographic_no, status,
                creator) VALUES(?, ?, ?, ?, 'TÉLÉPHONE,PATIENT', 0, 't', 'Tremblay, Manon')""",
                values,
            )
            if isinstance(made, sqlite3.Cursor):
                return made.lastrowid
            return int(base.execute("SELECT LAST_INSERT_ID()").fetchone()[0])

    def cancel(self, number: int) -> None:
        """Cancel any appointment."""
        self._status(number, "C")

    def receive(self, number: int) -> None:
        """Note that the patient is here."""
        self._status(number, "H")

    def move(self, number: int, provider: str, start: datetime, minutes: int = CELL) -> None:
        """Put an appointment elsewhere."""
        end = start + timedelta(minutes=minutes - 1)
        with _base(self._base) as base:
            base.execute(
                """UPDATE appointment SET provider_no = ?, appointment_date = ?, start_time = ?, end_time = ?,
                lastupdateuser = 'manon' WHERE appointment_no = ?""",
                (provider, f"{start:%Y-%m-%d}", f"{start:%H:%M:00}", f"{end:%H:%M:00}", number),
            )

    def delete(self, number: int) -> None:
        """Remove an appointment, as OSCAR's own delete does."""
        with _base(self._base) as base:
            base.execute("DELETE FROM appointment WHERE appointment_no = ?", (number,))

    def _status(self, number: int, status: str) -> None:
        with _base(self._base) as base:
            base.execute("UPDATE appointment SET status = ? WHERE appointment_no = ?", (status, number))


def receptionist(base: Base) -> Receptionist:
    """Return somebody who books by phone in this clinic."""
    return Receptionist(base)


@contextmanager
def _base(base: Base) -> Iterator[Any]:
    """Open a file, or a server by its ODBC connection text, for one transaction."""
    if isinstance(base, Path):
        with _open(base) as file:
            yield file
        return
    with closing(connect(base)) as line:
        yield line
        line.commit()


@contextmanager
def _open(path: Path, *, create: bool = False) -> Iterator[sqlite3.Connection]:
    mode = "rwc" if create else "rw"
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=5)) as base, base:
        if create:
            base.execute("PRAGMA synchronous=OFF")  # nothing is lost that cannot be made again
            base.execute("BEGIN")
        yield base


def _people(base: sqlite3.Connection, dice: random.Random, start: date) -> None:
    base.executemany(
        """INSERT INTO provider(provider_no, last_name, first_name, provider_type, status, lastUpdateDate)
        VALUES(?, ?, ?, 'doctor', '1', ?)""",
        [(number, family, given, f"{start} 00:00:00") for number, family, given, *_ in _DOCTORS],
    )
    for n in range(_PATIENTS):
        family, given = dice.choice(_FAMILIES), dice.choice(_GIVEN)
        born = date(1935, 1, 1) + timedelta(days=dice.randrange(31_000))
        sex = dice.choice("FM")
        base.execute(
            """INSERT INTO demographic(last_name, first_name, year_of_birth, month_of_birth, date_of_birth, hin, phone, sex,
            patient_status, lastUpdateDate) VALUES(?, ?, ?, ?, ?, ?, ?, ?, 'AC', ?)""",
            (
                family.upper(),
                given.upper(),
                *f"{born:%Y-%m-%d}".split("-"),
                f"ZZZZ {born:%y%m} {born:%d}{n % 100:02}",  # no real card begins with ZZZZ
                f"418 555-{n:04}",
                sex,
                f"{start} 00:00:00",
            ),
        )


def _schedules(base: sqlite3.Connection, start: date) -> None:
    base.execute("INSERT INTO site(name, short_name) VALUES(?, 'Fjord')", (_SITE,))
    base.executemany("INSERT INTO scheduletemplate(provider_no, name, timecode) VALUES(?, ?, ?)", _TEMPLATES)
    base.executemany(
        "INSERT INTO scheduletemplatecode(code, description, duration, confirm) VALUES(?, ?, ?, ?)", _CODES
    )
    base.executemany(
        """INSERT INTO scheduledate(sdate, provider_no, available, priority, reason, hour, creator, status)
        VALUES(?, ?, '1', 'b', ?, ?, 'oscardoc', 'A')""",
        [(f"{day}", number, _SITE, template) for number, template, day in _worked(start)],
    )


def _appointments(base: sqlite3.Connection, dice: random.Random, start: date) -> None:
    texts = {name: text for _, name, text in _TEMPLATES}
    made = f"{start - timedelta(days=7)} 08:00:00"
    for number, template, day in _worked(start):
        for cell, code in enumerate(texts[template]):
            if code == "_" or dice.random() >= BOOKED:
                continue
            base.execute(
                """INSERT INTO appointment(provider_no, appointment_date, start_time, end_time, name, demographic_no,
                location, status, createdatetime, updatedatetime, creator) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'oscardoc')""",
                (number, f"{day}", *_clock(cell), *_patient(base, dice), _SITE, dice.choice(_STATUSES), made, made),
            )


def _worked(start: date) -> Iterator[tuple[str, str, date]]:
    for offset in range(DAYS):
        day = start + timedelta(days=offset)
        for number, _, _, template, weekdays in _DOCTORS:
            if day.weekday() in weekdays:
                yield number, template, day


def _patient(base: sqlite3.Connection, dice: random.Random) -> Sequence[str | int]:
    number = dice.randrange(_PATIENTS) + 1
    found = base.execute(
        "SELECT last_name || ',' || first_name FROM demographic WHERE demographic_no = ?", (number,)
    ).fetchone()
    return (str(found[0]), number)


def _clock(cell: int) -> tuple[str, str]:
    first, last = cell * CELL, cell * CELL + CELL - 1  # OSCAR's end is the inclusive last minute
    return f"{first // 60:02}:{first % 60:02}:00", f"{last // 60:02}:{last % 60:02}:00"


def _at(day: str, clock: str) -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}")
