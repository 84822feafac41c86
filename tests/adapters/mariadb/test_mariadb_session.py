"""What the ODBC driver gets wrong, what each error means, and what is certain when a connection ends."""

from collections.abc import Callable
from contextlib import AbstractContextManager, closing

import pytest

from adapters.sql import native
from adapters.sql.dialect import Kind
from adapters.sql.mariadb import Mariadb
from adapters.sql.private import PASSWORD, USER, Server
from adapters.sql.session import PATIENCE, Session
from agent.core.errors import CreneauError, Misconfigured, Refused, Transient
from agent.core.message import say

DOING = say("try")
Fails = Callable[..., CreneauError]
Used = Callable[[Mariadb], AbstractContextManager[Session]]
LOST = "[08S01] [ma-3.1.15]Lost connection to server during query (2013) (SQLExecDirectW)"


# ---- connecting


def test_a_session_is_set_as_the_recipe_needs(server: Server, used: Used) -> None:
    """Strict values on a lax server, repeatable reads, utf8mb4, a lock wait of 3 s, statements of 30 s at most."""
    with used(server.dialect()) as session, session.reading(DOING) as work:
        row = work.rows("""SELECT @@sql_mode, @@tx_isolation, @@character_set_client, @@innodb_lock_wait_timeout,
            @@max_statement_time""")[0]
        assert tuple(row) == ("STRICT_ALL_TABLES", "REPEATABLE-READ", "utf8mb4", 3, 30.0)


@pytest.mark.parametrize("length", [1, 127, 128, 129, 255, 5000])
def test_texts_of_any_length_arrive_as_they_are(server: Server, length: int, used: Used) -> None:
    """Accents and emoji beyond the driver's own limit, both ways."""
    text = "é" * (length - 1) + "😀"
    with used(server.dialect()) as session, session.reading(DOING) as work:
        assert work.rows("SELECT CAST(? AS CHAR(6000))", text)[0][0] == text


@pytest.mark.parametrize(
    ("connection", "what"),
    [
        ("DRIVER={X};SERVER=h;DATABASE=d;CHARSET=latin1", "utf8mb4"),
        ("DRIVER={X};SERVER=h;PWD=geheim", "PWD"),
        ("DRIVER={X};SERVER=h;UID=me", "UID"),
        ("DRIVER={X};SERVER=h;AUTO_RECONNECT=1", "AUTO_RECONNECT"),
        ("DRIVER={X};SERVER=h;OPTION=67108864", "OPTION"),
        ("DRIVER={X};SERVER=h;INITSTMT=DROP TABLE x", "INITSTMT"),
        ("DRIVER={X};SERVER=h;nonsense", "cannot be read"),
        ("SERVER=h;DATABASE=d", "no database"),
    ],
)
def test_what_must_not_stand_in_a_connection_is_refused(connection: str, what: str) -> None:
    """Accounts, passwords, other character sets, reconnecting and many statements at once; the value is not repeated."""
    with pytest.raises(Misconfigured) as told:
        Mariadb(connection, "creneau", str)
    assert (told.value.key, what in str(told.value), "geheim" in repr(told.value)) == ("connection", True, False)


def test_a_wrong_password_names_the_command_that_mends_it(server: Server, fails: Fails, used: Used) -> None:
    """Bad login: Misconfigured, with `creneau secret set` and the EMR's id; the password is nowhere."""
    with used(Mariadb(server.connection, USER, lambda: "Zzyzx;}x", "dme")) as session:
        error = fails(session)
    assert (type(error), str(error.hint)) == (Misconfigured, "creneau secret set dme")
    assert "Zzyzx" not in f"{error}{error.what}{error.__cause__}"


def test_an_account_without_a_password_of_its_own_asks_for_none(server: Server) -> None:
    """`user = ""` leaves account and password to the driver and the system."""
    asked: list[str] = []
    dialect = Mariadb(server.connection, "", lambda: asked.append("x") or "")
    assert ("UID" in dialect._text(), asked) == (False, [])


def test_a_missing_self_test_right_says_so(server: Server, fails: Fails, used: Used) -> None:
    """Without CREATE TEMPORARY TABLES nothing is read: the hint is the command that prints the rights."""
    with closing(server.root()) as root:
        root.execute("REVOKE CREATE TEMPORARY TABLES ON oscar.* FROM creneau@localhost")
        try:
            with used(server.dialect()) as session:
                error = fails(session)
        finally:
            root.execute("GRANT CREATE TEMPORARY TABLES ON oscar.* TO creneau@localhost")
    assert (type(error), str(error.hint)) == (Misconfigured, "creneau emr grants")


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (("DATABASE=oscar", "DATABASE=absent"), Misconfigured),
        (("PORT=", "PORT=1;X="), Transient),
        (("MariaDB Unicode", "No Such Driver"), Misconfigured),
        (("SERVER=127.0.0.1", "SERVER=absent.invalid"), Transient),
    ],
)
def test_what_cannot_be_opened_is_transient_or_a_fault(
    server: Server, change: tuple[str, str], kind: type, fails: Fails, used: Used
) -> None:
    """Server down and unknown host may mend; an unknown database or driver is a fault of the file."""
    text = server.connection.replace(*change)
    with used(Mariadb(text, USER, lambda: PASSWORD)) as session:
        assert type(fails(session)) is kind


# ---- statements


@pytest.mark.parametrize(
    ("sql", "values", "kind"),
    [
        ("INSERT INTO appointment(name) VALUES(?)", ("x" * 51,), Refused),
        ("INSERT INTO appointment(name) VALUES(?)", ("😀",), Refused),
        ("INSERT INTO appointment(appointment_date) VALUES(?)", ("2026-02-30",), Refused),
        ("INSERT INTO appointment(program_id, status) VALUES(0, 'ttt')", (), Refused),
        ("INSERT INTO absent VALUES(1)", (), Misconfigured),
        ("INSERT INTO provider(provider_no) VALUES('9')", (), Misconfigured),
        ("UPDATE scheduledate SET status = 'D'", (), Misconfigured),
        ("SELECT SLEEP(5)", (), Transient),
    ],
)
def test_a_lax_servers_errors_are_still_errors(
    server: Server, sql: str, values: tuple[str, ...], kind: type, fails: Fails, used: Used
) -> None:
    """Too long, not storable, no such day, no table, no right, too slow: never a warning that stores something else."""
    dialect = server.dialect()
    dialect.statement_s = 1
    with used(dialect) as session:
        assert type(fails(session, sql, *values, write=True)) is kind
        with session.reading(DOING) as work:
            assert work.rows("SELECT COUNT(*) FROM appointment WHERE name LIKE 'x%'")[0][0] == 0


def test_a_read_cannot_write(server: Server, used: Used) -> None:
    """A poll's transaction is read-only for the database too."""
    with used(server.dialect()) as session, pytest.raises(Transient), session.reading(DOING) as work:
        work.change("INSERT INTO appointment(name) VALUES('x')")


def test_an_error_nobody_knows_is_a_fault_after_a_while(server: Server, fails: Fails, used: Used) -> None:
    """Transient half an hour of polls long, then Misconfigured; a good statement begins the count anew."""
    with used(server.dialect()) as session:
        seen = [type(fails(session, "SIGNAL SQLSTATE '45001' SET MYSQL_ERRNO = 31999")) for _ in range(PATIENCE + 1)]
        assert seen == [Transient] * PATIENCE + [Misconfigured]
        with session.reading(DOING) as work:
            work.rows("SELECT 1")
        assert type(fails(session, "SIGNAL SQLSTATE '45001' SET MYSQL_ERRNO = 31999")) is Transient


@pytest.mark.parametrize(
    ("args", "kind", "code"),
    [
        (("40001", "[40001] x (1213) (SQLExecDirectW)"), Kind.BUSY, "40001/1213"),
        (("HY000", "[HY000] x (1205) (SQLExecDirectW)"), Kind.BUSY, "HY000/1205"),
        (("HY018", "[HY018] x (1969) (SQLExecDirectW)"), Kind.SLOW, "HY018/1969"),
        (("HY018", "[HY018] x (1317) (SQLExecDirectW)"), Kind.STOPPED, "HY018/1317"),
        (("08S01", LOST), Kind.LOST, "08S01/2013"),
        (("08003", "[08003] [ma-3.1.15]Connection not open (0) (SQLAllocHandle)"), Kind.LOST, "08003"),
        (("HY000", "[HY000] x (2002) (SQLDriverConnect)"), Kind.LOST, "HY000/2002"),
        (("28000", "[28000] x (1045) (SQLDriverConnect)"), Kind.LOGIN, "28000/1045"),
        (("42000", "[42000] x (1226) (SQLDriverConnect)"), Kind.SLOW, "42000/1226"),
        (("42000", "[42000] x (1142) (SQLExecDirectW)"), Kind.SETUP, "42000/1142"),
        (("42S22", "[42S22] x (1054) (SQLExecDirectW)"), Kind.SETUP, "42S22/1054"),
        (("HY000", "[HY000] x (1290) (SQLExecDirectW)"), Kind.ODD, "HY000/1290"),
        (("HY000", "[HY000] x (1364) (SQLExecDirectW)"), Kind.SETUP, "HY000/1364"),
        (("23000", "[23000] x (1062) (SQLExecDirectW)"), Kind.DATA, "23000/1062"),
        (("22001", "[22001] x (1406) (SQLExecDirectW)"), Kind.DATA, "22001/1406"),
        (("01000", "[01000] [unixODBC]Can't open lib (0) (SQLDriverConnect)"), Kind.SETUP, "01000"),
        (("IM002", "[IM002] no such data source (0) (SQLDriverConnect)"), Kind.SETUP, "IM002"),
        (("HYT00", "[HYT00] timeout (0) (SQLDriverConnect)"), Kind.LOST, "HYT00"),
        (("HY000", "[HY000] x (64999) (SQLExecDirectW)"), Kind.ODD, "HY000/64999"),
        (("Attempt to use a closed connection.",), Kind.LOST, "Exception"),
        ((), Kind.LOST, "Exception"),
    ],
)
def test_every_number_of_the_table_has_its_kind(args: tuple[str, ...], kind: Kind, code: str) -> None:
    """SQLSTATE and the server's number decide; one argument is the driver's closed connection."""
    assert (native.kind(Exception(*args)), native.code(Exception(*args))) == (kind, code)
