"""What the ODBC driver gets wrong, what each error means, and what is certain when a connection ends."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from adapters.conformance import Still, tools
from adapters.conformance.bench import DAY, MINE, at, book, cells
from adapters.sql import native
from adapters.sql.bench import OscarBench
from adapters.sql.dialect import Kind
from adapters.sql.emr import SqlEmr
from adapters.sql.factory import open_
from adapters.sql.mariadb import Mariadb
from adapters.sql.mariadb_bench import MariaBench
from adapters.sql.odbc import Line
from adapters.sql.private import PASSWORD, USER, Server
from adapters.sql.session import PATIENCE, Session
from adapters.sql.write import Point
from agent.core.booking import Outcome
from agent.core.errors import Ambiguous, CreneauError, Misconfigured, Refused, Transient
from agent.core.message import say
from agent.core.model import EmrName, Instant, Severity

DOING = say("try")
LOST = "[08S01] [ma-3.1.15]Lost connection to server during query (2013) (SQLExecDirectW)"


def fails(session: Session, sql: str = "SELECT 1", *values: Any, write: bool = False) -> CreneauError:
    with pytest.raises(CreneauError) as told, (session.writing if write else session.reading)(DOING) as work:
        (work.change if write else work.rows)(sql, *values)
    return told.value


@contextmanager
def used(dialect: Mariadb) -> Iterator[Session]:
    session = Session(dialect)
    try:
        yield session
    finally:
        session.close()


# ---- connecting


def test_a_session_is_set_as_the_recipe_needs(server: Server) -> None:
    """Strict values on a lax server, repeatable reads, utf8mb4, a lock wait of 3 s, statements of 30 s at most."""
    with used(server.dialect()) as session, session.reading(DOING) as work:
        row = work.rows("""SELECT @@sql_mode, @@tx_isolation, @@character_set_client, @@innodb_lock_wait_timeout,
            @@max_statement_time""")[0]
        assert tuple(row) == ("STRICT_ALL_TABLES", "REPEATABLE-READ", "utf8mb4", 3, 30.0)


@pytest.mark.parametrize("length", [1, 127, 128, 129, 255, 5000])
def test_texts_of_any_length_arrive_as_they_are(server: Server, length: int) -> None:
    """Accents and emoji beyond the driver's own limit, both ways."""
    text = "é" * (length - 1) + "😀"
    with used(server.dialect()) as session, session.reading(DOING) as work:
        assert work.rows("SELECT CAST(? AS CHAR(6000))", text)[0][0] == text


class Unmended:
    """pyodbc as it is when nobody sets the limit of a text."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def connect(self, *words: Any, **named: Any) -> Any:
        return Forgetful(self._real.connect(*words, **named))


class Forgetful:
    """A connection that takes no `maxwrite`."""

    def __init__(self, real: Any) -> None:
        object.__setattr__(self, "_real", real)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __setattr__(self, name: str, value: Any) -> None:
        assert name == "maxwrite"


@pytest.mark.parametrize("lengths", [(128,), (127, 129), (300,)])
def test_a_driver_that_changes_texts_is_refused_at_the_door(
    server: Server, lengths: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the remedy the self-test finds the garbage at each length alone, and no slot is read."""
    monkeypatch.setattr("adapters.sql.selftest.LENGTHS", lengths)
    dialect = server.dialect()
    dialect._driver = Unmended(dialect._driver)
    with used(dialect) as session:
        error = fails(session)
    assert (type(error), str(error.hint)) == (
        Misconfigured,
        "install another version of the MariaDB ODBC driver",
    )


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


def test_a_wrong_password_names_the_command_that_mends_it(server: Server) -> None:
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


def test_a_missing_self_test_right_says_so(server: Server) -> None:
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
def test_what_cannot_be_opened_is_transient_or_a_fault(server: Server, change: tuple[str, str], kind: type) -> None:
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
def test_a_lax_servers_errors_are_still_errors(server: Server, sql: str, values: tuple[str, ...], kind: type) -> None:
    """Too long, not storable, no such day, no table, no right, too slow: never a warning that stores something else."""
    dialect = server.dialect()
    dialect.statement_s = 1
    with used(dialect) as session:
        assert type(fails(session, sql, *values, write=True)) is kind
        with session.reading(DOING) as work:
            assert work.rows("SELECT COUNT(*) FROM appointment WHERE name LIKE 'x%'")[0][0] == 0


def test_a_read_cannot_write(server: Server) -> None:
    """A poll's transaction is read-only for the database too."""
    with used(server.dialect()) as session, pytest.raises(Transient), session.reading(DOING) as work:
        work.change("INSERT INTO appointment(name) VALUES('x')")


def test_an_error_nobody_knows_is_a_fault_after_a_while(server: Server) -> None:
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


# ---- kind to the EMR


class Ticking:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.age = timedelta(hours=1)

    def now(self) -> Instant:
        return Instant(Still().now().utc, self.age)


def test_reading_takes_a_fiftieth_of_the_databases_time(maria: MariaBench) -> None:
    """A read whose queries took two seconds is followed by 98 seconds of rest; a failing one asks for as much."""
    clock, dialect = Ticking(), maria.dialect()
    emr = SqlEmr(maria.mapping, dialect, clock)
    assert emr.rest(clock.now()) <= timedelta(0)
    emr.slots(DAY)
    session = emr._session
    assert emr.rest(clock.now()) == timedelta(seconds=session.asked_s * 49) > timedelta(0)
    slow = timedelta(seconds=2)
    read, emr._pull = emr._pull, lambda window: [read(window), setattr(session, "asked_s", slow.total_seconds())][0]  # type: ignore[method-assign]
    emr.slots(DAY)
    assert emr.rest(clock.now()) == slow * 49
    clock.age += slow * 49
    assert emr.rest(clock.now()) == timedelta(0)
    emr._pull = lambda _: (_ for _ in ()).throw(Transient(DOING, say("slow")))  # type: ignore[method-assign]
    with pytest.raises(Transient) as told:
        emr.slots(DAY)
    assert told.value.after == slow * 49
    emr.close()


def test_a_file_needs_no_rest(tmp_path: Path) -> None:
    """Nobody else waits for SQLite's reader."""
    bench = OscarBench(tmp_path)
    bench.fresh(cells(9))
    emr = bench.adapter()
    emr.slots(DAY)
    assert emr.rest(Still().now()) <= timedelta(0)
    emr.close()


class Liar:
    """A connection whose driver changes one thing on its way; `old` becomes `new` in every statement."""

    def __init__(self, real: Any, old: str, new: str, count: int | None = None) -> None:
        self._real, self._old, self._new, self._count = real, old, new, count

    def execute(self, sql: str, *values: Any) -> Any:
        return self._real.execute(sql.replace(self._old, self._new), *values)

    def cursor(self) -> Any:
        cursor = self._real.cursor()
        if self._count is None:
            return cursor
        return SimpleNamespace(execute=cursor.execute, rowcount=self._count)


@pytest.mark.parametrize(
    ("lie", "fact"),
    [
        (("SELECT n, t FROM", "SELECT n, REPLACE(t, 'é', 'e') FROM"), "text"),
        (("SELECT CAST(h AS CHAR)", "SELECT CAST(ABS(h) AS CHAR)"), "time"),
        (("SELECT b FROM", "SELECT CAST(b AS CHAR) FROM"), "boolean"),
        (("SELECT b FROM", "SELECT 1 - b FROM"), "boolean"),
        (("x", "x", -1), "rowcount"),
        (("@@sql_mode", "''"), "utf8mb4 REPEATABLE-READ"),
    ],
)
def test_a_driver_that_lies_is_refused_with_what_it_changed(server: Server, lie: Any, fact: str) -> None:
    """Texts, times, truth values and row counts are proved one by one before the first statement."""
    dialect = server.dialect()
    with closing(server.root("oscar")) as root:
        root.execute(
            "SET SESSION sql_mode = 'STRICT_ALL_TABLES', innodb_lock_wait_timeout = 3, max_statement_time = 30"
        )
        root.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        with pytest.raises(Misconfigured) as told:
            dialect._prove(Liar(root, *lie))
    assert fact in str(told.value)


def test_check_proves_that_the_server_ends_what_takes_too_long(maria: MariaBench) -> None:
    """The limit is tried, not only read back; where a proxy swallows it, check says so."""
    emr = maria.adapter()
    assert {"sql.selftest", "sql.timeout"} <= {each.code for each in emr.check() if each.severity is Severity.OK}
    dialect: Any = emr._session.dialect
    dialect.endless = lambda: ("SELECT 1",)
    assert [each.code for each in emr.check() if each.severity is Severity.FAULT] == ["sql.timeout"]
    dialect.endless = lambda: ("SELECT absent",)
    with pytest.raises(Misconfigured):
        list(emr.check())
    emr.close()


# ---- endings


def test_close_cancels_a_running_statement_at_once(server: Server) -> None:
    """close() from another thread ends SLEEP(20) as Transient, and the adapter takes nothing more."""
    session, running, ends = Session(server.dialect()), threading.Event(), list[BaseException]()

    def work() -> None:
        try:
            with session.reading(DOING) as sql:
                running.set()
                sql.rows("SELECT SLEEP(20)")
        except CreneauError as error:
            ends.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    running.wait(10)
    session.close()
    thread.join(5)
    assert ([type(each) for each in ends], thread.is_alive()) == ([Transient], False)
    assert type(fails(session)) is Transient


def ours(root: Any) -> list[int]:
    rows = root.execute("SELECT id FROM information_schema.processlist WHERE user = 'creneau'").fetchall()
    return [row[0] for row in rows]


def cut(server: Server) -> None:
    """Take the agent's connections away, as an administrator or a network does."""
    with closing(server.root()) as root:
        for number in ours(root):
            root.execute(f"KILL {number}")


@pytest.mark.parametrize("point", [Point.CLAIMED, Point.CHECKED, Point.WRITTEN])
def test_a_connection_cut_before_the_commit_leaves_nothing(maria: MariaBench, point: Point) -> None:
    """Transient means surely not done; the same order again makes one appointment."""
    emr = maria.at(point, lambda: cut(maria.server))
    slot = at(emr, 9)
    with pytest.raises(Transient):
        book(emr, slot)
    assert maria.appointments() == []
    assert emr.find(MINE) is None
    assert book(emr, slot).outcome is Outcome.BOOKED
    assert len(maria.appointments()) == 1
    emr.close()


def test_a_connection_cut_after_the_commit_is_found_again(maria: MariaBench) -> None:
    """The last look finds the connection gone, opens another and answers; one appointment."""
    emr = maria.at(Point.COMMITTED, lambda: cut(maria.server))
    assert book(emr, at(emr, 9)).outcome is Outcome.BOOKED
    assert len(maria.appointments()) == 1
    emr.close()


def test_a_connection_cut_during_the_commit_is_ambiguous(maria: MariaBench) -> None:
    """COMMIT was sent and no answer came: only the sidecar knows, and asking again makes no second appointment."""
    with closing(maria.server.root()) as root:

        def block() -> None:
            root.execute("BACKUP STAGE START")
            root.execute("BACKUP STAGE BLOCK_COMMIT")
            killer.start()

        def kill_when_committing() -> None:
            with closing(maria.server.root()) as other:
                for _ in range(2000):
                    query = "SELECT id FROM information_schema.processlist WHERE user = 'creneau' AND info = 'COMMIT'"
                    if found := other.execute(query).fetchall():
                        other.execute(f"KILL {found[0][0]}")
                        return

        killer = threading.Thread(target=kill_when_committing)
        emr = maria.at(Point.WRITTEN, block)
        slot = at(emr, 9)
        with pytest.raises(Ambiguous):
            book(emr, slot)
        killer.join(10)
        root.execute("BACKUP STAGE END")
    assert book(emr, slot).outcome is Outcome.BOOKED
    assert len(maria.appointments()) == 1
    emr.close()


def test_a_failed_last_look_is_ambiguous_never_undone(maria: MariaBench) -> None:
    """The appointment stands when the look after the commit fails: saying "surely not done" would be a lie."""

    def die() -> None:
        raise Transient(DOING, say("gone"))

    emr = maria.adapter()
    writer: Any = emr._writer
    slot, settle = at(emr, 9), writer._settle
    writer._settle = lambda _: die()
    with pytest.raises(Ambiguous):
        book(emr, slot)
    writer._settle = settle
    assert book(emr, slot).outcome is Outcome.BOOKED
    assert len(maria.appointments()) == 1
    emr.close()


def test_a_connection_lost_while_idle_is_replaced_at_once(maria: MariaBench) -> None:
    """A database restarted at night costs no failed read in the morning."""
    emr = maria.adapter()
    assert len(emr.slots(DAY).slots) == 4
    cut(maria.server)
    assert len(emr.slots(DAY).slots) == 4
    emr.close()


def test_reads_leave_no_transaction_open(maria: MariaBench) -> None:
    """After a poll the server knows of no transaction of ours."""
    emr = maria.adapter()
    emr.slots(DAY)
    with closing(maria.server.root()) as root:
        assert root.execute("SELECT COUNT(*) FROM information_schema.innodb_trx").fetchone()[0] == 0
    emr.close()


def test_cancelling_nothing_is_nothing(server: Server) -> None:
    """interrupt() before the first statement, and of something that is no connection of ours, does no harm."""
    dialect = server.dialect()
    line = dialect.connect()
    dialect.interrupt(line)
    dialect.interrupt(object())  # type: ignore[arg-type]
    assert isinstance(line, Line)
    line.close()


def test_without_its_driver_the_adapter_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pyodbc, or no libodbc under it: Misconfigured at once, with the packages' names."""

    def absent(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr("adapters.sql.odbc.import_module", absent)
    with pytest.raises(Misconfigured) as told:
        Mariadb("DRIVER={X};SERVER=h", "creneau", str)
    assert "unixodbc" in str(told.value.hint)


def test_a_session_that_was_not_set_is_refused(server: Server) -> None:
    """A proxy that swallows SET is found by reading the settings back."""
    dialect = server.dialect()
    with closing(server.root()) as root, pytest.raises(Misconfigured) as told:
        dialect._prove(root)
    assert "self-test" in str(told.value)


def test_the_file_opens_mariadb_with_the_vaults_password(server: Server) -> None:
    """`DRIVER=…` picks this dialect; the secret has the EMR's id and is asked for at connect."""
    options = {"connection": server.connection, "user": USER}
    emr = open_(EmrName("dme"), options, tools(secrets={"dme": PASSWORD}))
    assert list(emr.check())
    assert "GRANT" in emr.grants()
    emr.close()
    emr = open_(EmrName("dme"), options, tools())
    with pytest.raises(Misconfigured):
        emr.slots(DAY)
    emr.close()


def test_a_server_that_says_nothing_is_given_up(server: Server) -> None:
    """Frozen before the login and in the middle of a session: Transient both times, and back when it thaws."""
    dialect = server.dialect()
    dialect.login_s = dialect.answer_s = 1
    with used(dialect) as session:
        for _ in range(2):  # the second meets an open connection
            os.kill(server.pid, signal.SIGSTOP)
            try:
                assert type(fails(session)) is Transient
            finally:
                os.kill(server.pid, signal.SIGCONT)
            with session.reading(DOING) as work:
                assert work.rows("SELECT 1")[0][0] == 1


def test_close_does_not_wait_for_a_frozen_server(server: Server) -> None:
    """Stopping the agent ends although the database does not answer the cancelling either."""
    dialect = server.dialect()
    dialect.login_s = dialect.answer_s = 1
    session, ends = Session(dialect), list[BaseException]()
    with session.reading(DOING) as work:
        work.rows("SELECT 1")

    def read() -> None:
        try:
            with session.reading(DOING) as work:
                work.rows("SELECT 1")
        except CreneauError as error:
            ends.append(error)

    os.kill(server.pid, signal.SIGSTOP)
    try:
        worker = threading.Thread(target=read)
        worker.start()
        session.close()
        worker.join(20)
    finally:
        os.kill(server.pid, signal.SIGCONT)
    assert [type(each) for each in ends] == [Transient]
