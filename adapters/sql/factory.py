"""Open the SQL adapter as the catalog names it.

Rule: the connection picks the dialect, the mapping picks the EMR; nothing is connected here.
"""

from collections.abc import Mapping

from adapters.sql import mariadb, odbc, openemr, oscar
from adapters.sql.dialect import Dialect
from adapters.sql.emr import SqlEmr
from adapters.sql.mapping import Booking
from adapters.sql.openemr import OpenEmr
from adapters.sql.oscar import Oscar
from adapters.sql.places import DAY
from adapters.sql.sqlite import Sqlite
from agent.core.errors import Misconfigured
from agent.core.message import say
from agent.core.model import EmrName
from agent.ports import Tools


def open_(name: EmrName, options: Mapping[str, object], tools: Tools) -> SqlEmr:
    """Return the adapter, not yet connected. Raises Misconfigured for an unknown mapping or connection."""
    mapping = mapping_of(name, options, tools)
    return SqlEmr(mapping, dialect_of(name, options, tools), tools.clock, mode=str(options.get("memory", "sidecar")))


def mapping_of(name: EmrName, options: Mapping[str, object], tools: Tools) -> Booking:
    """Return the mapping that the options name. Raises Misconfigured for an unknown one."""
    word, clinic = str(options.get("mapping", "oscar")), (name, tools.sites, tools.label)
    holidays = str(options.get("holidays", "closed"))
    if word == "oscar":
        return Oscar(oscar.Terms(*clinic, str(options.get("long_codes", "ask")), holidays))
    if word == "openemr":
        return OpenEmr(openemr.Terms(*clinic, _grid(options), str(options.get("visit", "office_visit")), holidays))
    raise Misconfigured(
        say("open the EMR database"),
        say("there is no mapping named {mapping}", mapping=word),
        say("write mapping = 'oscar' or 'openemr'"),
        key="mapping",
    )


def dialect_of(name: EmrName, options: Mapping[str, object], tools: Tools) -> Dialect:
    """Return the dialect that the connection names. Raises Misconfigured when it names none."""
    connection = str(options["connection"])
    if not connection.upper().startswith(odbc.SCHEME):
        return Sqlite(connection)
    return mariadb.Mariadb(connection, str(options.get("user") or ""), lambda: tools.secret(name), name)


def _grid(options: Mapping[str, object]) -> int:
    minutes = options.get("grid", 15)
    if not isinstance(minutes, int) or minutes < 1 or DAY % minutes:
        what = say("a grid of {minutes} minutes does not divide the day", minutes=str(minutes))
        raise Misconfigured(say("open the EMR database"), what, say("write grid = 5, 10, 15, 20, 30 or 60"), key="grid")
    return minutes
