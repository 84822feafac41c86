"""What is certain when a connection ends: before the commit, during it, after it, and when nobody answers."""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, suppress
from pathlib import Path
from typing import Any

import pytest

from adapters.conformance import tools
from adapters.conformance.bench import DAY, MINE, at, book
from adapters.sql.factory import open_
from adapters.sql.mariadb import Mariadb
from adapters.sql.mariadb_bench import MariaBench
from adapters.sql.odbc import Line
from adapters.sql.private import PASSWORD, USER, Server
from adapters.sql.session import Session
from adapters.sql.write import Point
from agent.core.booking import Outcome
from agent.core.errors import Ambiguous, CreneauError, Misconfigured, Transient
from agent.core.message import say
from agent.core.model import EmrName

DOING = say("try")
Fails = Callable[..., CreneauError]
Used = Callable[[Mariadb], AbstractContextManager[Session]]


def test_close_cancels_a_running_statement_at_once(server: Server, fails: Fails) -> None:
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
    running.wait(60)
    session.close()
    thread.join(15)
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


def freeze(pid: int) -> None:
    """Stop a process and wait until the system has stopped it: a busy one takes its time."""
    os.kill(pid, signal.SIGSTOP)
    pause = threading.Event()
    for _ in range(1000):
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T":
            return
        pause.wait(0.01)
    raise AssertionError("the server goes on")


def test_a_server_that_says_nothing_is_given_up(server: Server, fails: Fails, used: Used) -> None:
    """Frozen before the login and in the middle of a session: Transient both times, and back when it thaws."""
    dialect = server.dialect()
    dialect.login_s = dialect.answer_s = 1
    with used(dialect) as session:
        for _ in range(2):  # the second meets an open connection
            freeze(server.pid)
            try:
                assert type(fails(session)) is Transient
            finally:
                os.kill(server.pid, signal.SIGCONT)
            assert answers(session)


def answers(session: Session) -> bool:
    """Say whether the server answers within a minute: one that thaws on a busy machine may take longer than we wait."""
    for _ in range(60):
        with suppress(Transient), session.reading(DOING) as work:
            return bool(work.rows("SELECT 1")[0][0] == 1)
    return False


def test_close_does_not_wait_for_a_frozen_server(server: Server) -> None:
    """Stopping the agent ends although the database does not answer the cancelling either."""
    dialect = server.dialect()
    dialect.login_s = dialect.answer_s = 1
    session, ends = Session(dialect), list[BaseException]()
    assert answers(session)

    def read() -> None:
        try:
            with session.reading(DOING) as work:
                work.rows("SELECT 1")
        except CreneauError as error:
            ends.append(error)

    freeze(server.pid)
    try:
        worker = threading.Thread(target=read)
        worker.start()
        session.close()
        worker.join(60)
    finally:
        os.kill(server.pid, signal.SIGCONT)
    assert [type(each) for each in ends] == [Transient]
