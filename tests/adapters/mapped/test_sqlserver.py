"""SQL Server: what would be sent is T-SQL by a parser's word; no server of this kind was ever ours to run."""

from typing import Any

import pytest
import sqlglot
from sqlglot import expressions

from adapters.conformance import NAME, SITE
from adapters.sql import sidecar
from adapters.sql.dialect import Kind
from adapters.sql.grants import script
from adapters.sql.mapped import load, mapped
from adapters.sql.mapped.file import SHIPPED
from adapters.sql.mapped.mapping import MappedTokened
from adapters.sql.places import Clinic
from adapters.sql.sqlserver import SESSION, SqlServer

FILE = load(SHIPPED / "hours-sqlserver.toml")


@pytest.fixture
def dialect() -> SqlServer:
    return SqlServer(
        "DRIVER={ODBC Driver 18 for SQL Server};SERVER=dme;DATABASE=dme", "creneau", lambda: "p;w}d", "dme"
    )


def parsed(sql: str) -> list[Any]:
    found = sqlglot.parse(sql, read="tsql")
    assert found
    assert not any(isinstance(each, expressions.Command) for each in found), sql
    return found


@pytest.mark.parametrize(
    "query", [*FILE.queries.values(), *(one for many in FILE.steps.values() for one in many)], ids=lambda one: one.name
)
def test_every_query_of_the_example_is_one_statement_of_t_sql(query: Any) -> None:
    """Parsed by sqlglot as T-SQL, with as many parameters as values."""
    (tree,) = parsed(query.sql)
    assert len(list(tree.find_all(expressions.Placeholder))) == len(query.values)


def test_what_the_dialect_makes_is_t_sql(dialect: SqlServer) -> None:
    """The sidecar's table and its MERGE, the check for unsafe tables, the facts."""
    table = sidecar.table(dialect)
    merge = dialect.unless_there("creneau_applied", ("booking", "version", "outcome", "at"))
    for sql in (table, merge, dialect.unsafe(["appointments"]), *(sql for _, sql in dialect.facts())):
        parsed(sql)
    assert merge.count("?") == 4
    assert isinstance(parsed(merge)[0], expressions.Merge)
    assert dialect.locked("SELECT 1") == "SELECT 1"
    assert dialect.freeze("appointments") == ""


def test_the_overlap_query_keeps_the_gaps() -> None:
    """Without UPDLOCK and HOLDLOCK two agents could both find the time free."""
    assert "WITH (UPDLOCK, HOLDLOCK)" in FILE.queries["overlap"].sql


def test_the_grants_name_the_schedule_and_the_matching_columns_only(dialect: SqlServer) -> None:
    """No clinical table, and of the patients five columns."""
    mapping = mapped(FILE, Clinic(NAME, (SITE,)))
    told = script(dialect, mapping, sidecar=True)
    assert isinstance(mapping, MappedTokened)
    assert "GRANT SELECT (id, card, born, family_name, given_name) ON patients TO [creneau];" in told
    assert "encounters" not in told
    assert script(dialect, mapping, sidecar=False).count("creneau_applied") == 0


def test_the_session_reads_dates_alike_in_every_language() -> None:
    """A server set to French reads 2026-11-23 as day and month swapped unless told."""
    assert "SET DATEFORMAT ymd" in SESSION
    assert "SET XACT_ABORT ON" in SESSION


@pytest.mark.parametrize(
    ("state", "number", "kind"),
    [
        ("40001", 1205, Kind.BUSY),
        ("HY000", 1222, Kind.BUSY),
        ("28000", 18456, Kind.LOGIN),
        ("42S02", 208, Kind.SETUP),
        ("08S01", 20009, Kind.LOST),
        ("23000", 2627, Kind.DATA),
        ("42000", 99999, Kind.ODD),
    ],
)
def test_errors_are_told_apart_by_the_servers_number(dialect: SqlServer, state: str, number: int, kind: Kind) -> None:
    """From the manual; the number first, then the SQLSTATE, else nobody knows."""
    error = dialect.errors(state, f"[{state}] [Microsoft] text ({number}) (SQLExecDirectW)")
    assert dialect.kind(error) is kind
    assert dialect.code(error) == f"{state}/{number}"


def test_the_account_is_the_services_own_when_none_is_named() -> None:
    """Windows authentication, and no password is asked for."""
    lone = SqlServer("DRIVER={FreeTDS};SERVER=dme;DATABASE=dme", "", lambda: "never")
    assert "TRUSTED_CONNECTION=yes" in lone._text()
    assert "never" not in lone._text()


def test_a_closed_port_is_a_lost_connection() -> None:
    """The one thing of it that can be run here needs a driver; without one the connection says what is missing."""
    lone = SqlServer("DRIVER={No such driver};SERVER=127.0.0.1,1;DATABASE=dme", "creneau", lambda: "x")
    with pytest.raises(lone.errors) as told:
        lone.connect()
    assert lone.kind(told.value) is Kind.SETUP
    assert str(lone.hint(Kind.LOGIN)) == "creneau secret set ID"
    assert str(lone.hint(Kind.SETUP)) == "creneau check emr"
