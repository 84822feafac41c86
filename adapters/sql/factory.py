"""Open the SQL adapter as the catalog names it.

Rule: the connection picks the dialect, the mapping picks the EMR; nothing is connected here.
"""

from collections.abc import Mapping

from adapters.sql import mariadb
from adapters.sql.dialect import Dialect
from adapters.sql.oscar import OscarEmr, Terms
from adapters.sql.sqlite import Sqlite
from agent.core.errors import Misconfigured
from agent.core.message import say
from agent.core.model import EmrName
from agent.ports import Tools


def open_(name: EmrName, options: Mapping[str, object], tools: Tools) -> OscarEmr:
    """Return the adapter, not yet connected. Raises Misconfigured for an unknown mapping or connection."""
    mapping = str(options.get("mapping", "oscar"))
    if mapping != "oscar":
        raise Misconfigured(
            say("open the EMR database"),
            say("there is no mapping named {mapping}", mapping=mapping),
            say("write mapping = 'oscar'"),
            key="mapping",
        )
    terms = Terms(
        name=name,
        sites=tools.sites,
        long_codes=str(options.get("long_codes", "ask")),
        holidays=str(options.get("holidays", "closed")),
        label=tools.label,
    )
    return OscarEmr(terms, _dialect(name, options, tools), tools.clock)


def _dialect(name: EmrName, options: Mapping[str, object], tools: Tools) -> Dialect:
    connection = str(options["connection"])
    if not connection.upper().startswith(mariadb.SCHEME):
        return Sqlite(connection)
    return mariadb.Mariadb(connection, str(options.get("user") or ""), lambda: tools.secret(name), name)
