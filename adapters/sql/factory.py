"""Open the SQL adapter as the catalog names it.

Rule: the connection picks the dialect, the mapping picks the EMR, and only these two are loaded; nothing is connected.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from adapters.sql import odbc
from adapters.sql.dialect import Dialect
from adapters.sql.emr import SqlEmr, SqlReader
from adapters.sql.mapping import Booking
from adapters.sql.places import DAY, Clinic
from agent.core.errors import Misconfigured
from agent.core.message import say
from agent.core.model import EmrName
from agent.ports import Tools


def _oscar(name: EmrName, options: Mapping[str, object], tools: Tools) -> Booking:
    from adapters.sql.oscar import Oscar, Terms

    return Oscar(
        Terms(
            name=name,
            sites=tools.sites,
            label=tools.label,
            long_codes=str(options.get("long_codes", "ask")),
            holidays=str(options.get("holidays", "closed")),
        )
    )


def _openemr(name: EmrName, options: Mapping[str, object], tools: Tools) -> Booking:
    from adapters.sql.openemr import OpenEmr, Terms

    minutes = options.get("grid", 15)
    if not isinstance(minutes, int) or minutes < 1 or DAY % minutes:
        what = say("a grid of {minutes} minutes does not divide the day", minutes=str(minutes))
        raise Misconfigured(say("open the EMR database"), what, say("write grid = 5, 10, 15, 20, 30 or 60"), key="grid")
    return OpenEmr(
        Terms(
            name=name,
            sites=tools.sites,
            label=tools.label,
            grid=minutes,
            visit=str(options.get("visit", "office_visit")),
            holidays=str(options.get("holidays", "closed")),
        )
    )


MAPPINGS: Mapping[str, Callable[[EmrName, Mapping[str, object], Tools], Booking]] = {
    "oscar": _oscar,
    "openemr": _openemr,
}
"""The mappings that are code, by name."""


def open_(name: EmrName, options: Mapping[str, object], tools: Tools) -> SqlReader:
    """Return the adapter, not yet connected. Raises Misconfigured for an unknown mapping or connection."""
    dialect, mode = dialect_of(name, options, tools), str(options.get("memory", "sidecar"))
    written = Path(str(options.get("mapping", "oscar")))
    if written.suffix != ".toml" and written.name in MAPPINGS:
        return SqlEmr(MAPPINGS[written.name](name, options, tools), dialect, tools.clock, mode=mode)
    return _of_file(written, name, options, tools, dialect, mode)


def _of_file(
    written: Path, name: EmrName, options: Mapping[str, object], tools: Tools, dialect: Dialect, mode: str
) -> SqlReader:
    from adapters.sql.mapped import load, mapped
    from adapters.sql.mapped.emr import MappedEmr, MappedReader
    from adapters.sql.mapped.mapping import MappedBooking

    file = load(_file(written))
    if file.database != dialect.name:
        raise Misconfigured(
            say("open the EMR database"),
            say(
                "the mapping is for {database}, the connection leads to {engine}",
                database=file.database,
                engine=dialect.name,
            ),
            say("mend database in the mapping, or DRIVER in the connection"),
            file=file.file,
            key="mapping.database",
        )
    if file.openings and not options.get("openings"):
        raise Misconfigured(
            say("open the EMR database"),
            say("this mapping tells opening hours only: all of them would look free"),
            say("name it in the view of an HL7 source, or write its [busy] and tells = 'agenda'"),
            file=file.file,
            key="mapping.tells",
        )
    mapping = mapped(file, Clinic(name, tools.sites, tools.label))
    if not isinstance(mapping, MappedBooking):
        return MappedReader(mapping, dialect, tools.clock)

    def elsewhere(database: str) -> Dialect:
        connection = odbc.elsewhere(str(options["connection"]), database)
        return dialect_of(name, {**options, "connection": connection}, tools)

    return MappedEmr(mapping, dialect, tools.clock, mode, elsewhere)


def dialect_of(name: EmrName, options: Mapping[str, object], tools: Tools) -> Dialect:
    """Return the dialect that the connection names. Raises Misconfigured when it names none."""
    from adapters.sql import postgres, sqlserver

    connection = str(options["connection"])
    if not connection.upper().startswith(odbc.SCHEME):
        from adapters.sql.sqlite import Sqlite

        return Sqlite(connection)
    called = connection[len(odbc.SCHEME) :].partition(";")[0].lower()
    given = (connection, str(options.get("user") or ""), lambda: tools.secret(name), name)
    if any(word in called for word in postgres.NAMES):
        return postgres.Postgres(*given)
    if any(word in called for word in sqlserver.NAMES):
        return sqlserver.SqlServer(*given)
    if "sqlite" in called:
        from adapters.sql.sqlite_odbc import SqliteOdbc

        return SqliteOdbc(*given)
    from adapters.sql.mariadb import Mariadb

    return Mariadb(*given)


def _file(written: Path) -> Path:
    """Return where a mapping file is: as written, or among those that are shipped. Raises Misconfigured."""
    from adapters.sql.mapped.file import SHIPPED, shipped

    if written.suffix == ".toml":
        return written
    if written.name in shipped():
        return SHIPPED / f"{written.name}.toml"
    raise Misconfigured(
        say("open the EMR database"),
        say("there is no mapping named {mapping}", mapping=written.name),
        say("write one of {words}, or the path of a file that ends in .toml", words=", ".join((*MAPPINGS, *shipped()))),
        key="mapping",
    )
