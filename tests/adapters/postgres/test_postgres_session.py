"""What each error of PostgreSQL means, and what is certain when a connection ends."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from adapters.sql import sqlstates
from adapters.sql.dialect import Kind
from adapters.sql.odbc import elsewhere
from adapters.sql.postgres import Postgres
from adapters.sql.private import PASSWORD, USER
from adapters.sql.private_postgres import Server
from adapters.sql.session import Session, Work
from agent.core.errors import Ambiguous, CreneauError, Misconfigured, Refused, Transient
from agent.core.message import say

DOING = say("try")
INSERT = (
    "INSERT INTO appt(prov, day, start_at, end_at, who) VALUES(101, '2026-11-23', '09:00', '09:15', ?) RETURNING id"
)
END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'creneau'"


@contextmanager
def used(dialect: Postgres) -> Iterator[Session]:
    session = Session(dialect)
    try:
        yield session
    finally:
        session.close()


def fails(session: Session, sql: str, *values: Any, write: bool = False) -> CreneauError:
    with pytest.raises(CreneauError) as told, (session.writing if write else session.reading)(DOING) as work:
        (work.change if write else work.rows)(sql, *values)
    return told.value


def breaks(session: Session, steps: Callable[[Work], object]) -> CreneauError:
    """Return what a write of several steps ended with."""
    with pytest.raises(CreneauError) as told, session.writing(DOING) as work:
        steps(work)
    return told.value


def stand(server: Server) -> int:
    with closing(server.screens("emr")) as desk:
        return int(desk.execute("SELECT COUNT(*) FROM appt").fetchone()[0])


def clear(server: Server) -> None:
    with closing(server.screens("emr")) as desk:
        desk.execute("DELETE FROM appt")


def end_ours(server: Server) -> None:
    with closing(server.root("emr")) as root:
        root.execute(END)


def test_a_session_is_set_as_the_recipe_needs(server: Server) -> None:
    """Lock wait 3 s, statements 30 s at most, UTC; reads see one picture and cannot write, writes see the newest."""
    with used(server.dialect("emr")) as session:
        shown = (
            "SELECT current_setting('lock_timeout'), current_setting('statement_timeout'), current_setting('TimeZone')"
        )
        level = "SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')"
        with session.reading(DOING) as work:
            assert tuple(work.rows(shown)[0]) == ("3s", "30s", "UTC")
            assert tuple(work.rows(level)[0]) == ("repeatable read", "on")
        with session.writing(DOING) as work:
            assert tuple(work.rows(level)[0]) == ("read committed", "off")


@pytest.mark.parametrize("length", [1, 128, 5000])
def test_texts_of_any_length_arrive_as_they_are(server: Server, length: int) -> None:
    """Accents and emoji, both ways."""
    text = "é" * (length - 1) + "😀"
    with used(server.dialect("emr")) as session, session.reading(DOING) as work:
        assert work.rows("SELECT CAST(? AS text)", text)[0][0] == text


@pytest.mark.parametrize(
    ("sql", "kind", "code"),
    [
        ("SELECT absent FROM appt", Misconfigured, "42703"),
        ("SELECT 1 FROM absent", Misconfigured, "42P01"),
        ("SELECT n FROM secret", Misconfigured, "42501"),
        ("SELECT 1 WHERE 1 = 'x'", Refused, "22P02"),
        ("SELEC 1", Misconfigured, "42601"),
        ("DELETE FROM appt", Transient, "25006"),
    ],
)
def test_an_error_is_told_by_its_sqlstate(server: Server, sql: str, kind: type[CreneauError], code: str) -> None:
    """Class and code; never the server's text, which may quote a value."""
    with used(server.dialect("emr")) as session:
        error = fails(session, sql)
        assert type(error) is kind
        assert str(error).endswith(f"({code})")
        with session.reading(DOING) as work:
            assert work.rows("SELECT 1")[0][0] == 1, "the next transaction is a fresh one"


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ("('09:00', '08:00', 'x')", Refused),
        ("('09:00', '09:15', NULL)", Misconfigured),
        ("('09:00', '09:15', repeat('x', 21))", Refused),
    ],
)
def test_a_refused_row_leaves_nothing(server: Server, values: str, kind: type[CreneauError]) -> None:
    """A check, a NULL, a text too long: the whole transaction is undone."""
    sql = f"INSERT INTO appt(prov, day, start_at, end_at, who) SELECT 1, '2026-11-23', {values[1:-1]}"
    clear(server)
    with used(server.dialect("emr")) as session:
        assert type(breaks(session, lambda work: (work.insert(INSERT, "a"), work.change(sql)))) is kind
    assert stand(server) == 0


def test_a_statement_that_takes_too_long_is_ended_and_is_no_stop(server: Server) -> None:
    """statement_timeout is Transient and told as slow; the session lives on."""
    dialect = server.dialect("emr")
    with used(dialect) as session:
        short = "SELECT set_config('statement_timeout', '50', true)"
        error = breaks(session, lambda work: (work.rows(short), work.rows("SELECT pg_sleep(20)")))
        cause = error.__cause__
        assert isinstance(error, Transient)
        assert isinstance(cause, Exception)
        assert dialect.kind(cause) is Kind.SLOW


def test_close_ends_a_running_statement_from_another_thread(server: Server) -> None:
    """It is told as stopped."""
    session = Session(server.dialect("emr"))
    errors: list[CreneauError] = []
    running = threading.Event()

    def work() -> None:
        try:
            with session.reading(DOING) as work:
                running.set()
                work.rows("SELECT pg_sleep(30)")
        except CreneauError as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    running.wait(60)
    session.close()
    thread.join(120)
    assert [type(error) for error in errors] == [Transient]
    assert str(errors[0]) == "stopped while it ran"


def test_a_lock_is_waited_for_three_seconds_at_most(server: Server) -> None:
    """Hers is held: Transient, worth one more try at once, and nothing stays behind."""
    dialect = server.dialect("emr")
    dialect.lock_s = 1
    clear(server)
    with closing(server.screens("emr")) as she, used(dialect) as session:
        she.autocommit = False
        she.execute("LOCK TABLE appt IN ROW EXCLUSIVE MODE")
        with pytest.raises(Transient) as told, session.writing(DOING) as work:
            work.freeze("appt")
        assert session.was_busy(told.value)
        she.rollback()
        with session.writing(DOING) as work:
            work.freeze("appt")


def test_the_session_lock_is_one_connections_and_goes_with_it(server: Server) -> None:
    """Two agents without a sidecar: the second waits in vain while the first lives."""
    one, other = server.dialect("emr"), server.dialect("emr")
    other.lock_s = 1
    with used(other) as second:
        with used(one) as first:
            with first.writing(DOING) as work:
                work.alone("creneau")
            with first.writing(DOING) as work:
                work.alone("creneau")
            with pytest.raises(Transient), second.writing(DOING) as work:
                work.alone("creneau")
        with second.writing(DOING) as work:
            work.alone("creneau")


def test_a_connection_lost_while_idle_is_replaced_at_once(server: Server) -> None:
    """Nothing of ours was under way: the next read goes through."""
    with used(server.dialect("emr")) as session:
        with session.reading(DOING) as work:
            work.rows("SELECT 1")
        end_ours(server)
        with session.reading(DOING) as work:
            assert work.rows("SELECT 1")[0][0] == 1


def test_a_connection_lost_in_the_middle_leaves_nothing(server: Server) -> None:
    """Before COMMIT the server undoes it: Transient, surely not done."""
    clear(server)
    with used(server.dialect("emr")) as session:

        def steps(work: Work) -> object:
            return (
                work.insert(INSERT, "a"),
                end_ours(server),
                work.rows("SELECT 1"),
            )

        assert isinstance(breaks(session, steps), Transient)
        assert stand(server) == 0
        with session.writing(DOING) as work:
            work.insert(INSERT, "a")
    assert stand(server) == 1


def test_a_connection_lost_at_the_commit_is_ambiguous(server: Server) -> None:
    """Nobody can tell from here; the sidecar will."""
    with used(server.dialect("emr")) as session:
        error = breaks(session, lambda work: (work.insert(INSERT, "a"), end_ours(server)))
    assert isinstance(error, Ambiguous)


@pytest.mark.parametrize(
    ("base", "user", "password", "hint"),
    [
        ("emr", USER, "wrong", "creneau secret set dme"),
        ("emr", "nobody_here", PASSWORD, "creneau secret set dme"),
        ("absent", USER, PASSWORD, "creneau check emr"),
    ],
)
def test_a_refused_login_needs_a_person(server: Server, base: str, user: str, password: str, hint: str) -> None:
    """Wrong password, unknown account, unknown database: Misconfigured, with what to do."""
    with used(Postgres(server.connection(base), user, lambda: password, "dme")) as session:
        error = fails(session, "SELECT 1")
        assert isinstance(error, Misconfigured)
        assert str(error.hint) == hint


def test_a_server_that_is_not_there_is_waited_for(server: Server) -> None:
    """Nobody listens: Transient."""
    gone = Postgres(server.connection("emr").replace(f"PORT={server.port}", "PORT=1"), USER, lambda: PASSWORD)
    with used(gone) as session:
        assert isinstance(fails(session, "SELECT 1"), Transient)


def test_a_killed_server_loses_and_doubles_nothing(tmp_path: Any) -> None:
    """Killed between our insert and the commit, then started again: the row is not there, and goes in once."""
    from adapters.sql.private_postgres import missing, serving

    if why := missing():
        pytest.skip(why)
    with serving(durable=True) as own:
        own.database("emr", ("CREATE TABLE appt(id serial PRIMARY KEY, who text)",))
        with closing(own.screens("emr")) as desk:
            desk.execute("GRANT ALL ON appt, appt_id_seq TO creneau")
        with used(own.dialect("emr")) as session:
            for n in range(3):
                sql, name = "INSERT INTO appt(who) VALUES(?) RETURNING id", f"lost-{n}"
                error = breaks(session, lambda work, sql=sql, name=name: (work.insert(sql, name), own.stop(kill=True)))
                assert isinstance(error, Transient | Ambiguous)
                own.start()
                with session.writing(DOING) as work:
                    work.insert("INSERT INTO appt(who) VALUES(?) RETURNING id", f"kept-{n}")
            with session.reading(DOING) as work:
                assert [row[0] for row in work.rows("SELECT who FROM appt ORDER BY who")] == [
                    "kept-0",
                    "kept-1",
                    "kept-2",
                ]


@pytest.mark.parametrize(
    ("state", "text", "kind"),
    [
        ("08001", "FATAL:  password authentication failed for user", Kind.LOGIN),
        ("08001", "FATAL:  authentification par mot de passe échouée", Kind.LOGIN),
        ("08001", 'FATAL:  database "x" does not exist', Kind.SETUP),
        ("08001", "FATAL:  la base de données « x » n'existe pas", Kind.SETUP),
        ("08001", "FATAL:  the database system is starting up", Kind.SLOW),
        ("08001", "FATAL:  désolé, trop de clients sont déjà connectés", Kind.SLOW),
        ("08001", "connection refused", Kind.LOST),
        ("57014", "canceling statement due to user request", Kind.STOPPED),
        ("57014", "annulation de la requête à la demande de l'utilisateur", Kind.STOPPED),
        ("57014", "canceling statement due to statement timeout", Kind.SLOW),
        ("HY000", "server closed the connection unexpectedly", Kind.LOST),
        ("HY000", "whatever", Kind.ODD),
        ("40001", "could not serialize access", Kind.BUSY),
        ("22999", "some value", Kind.DATA),
        ("XX000", "nobody knows", Kind.ODD),
    ],
)
def test_a_state_with_two_meanings_is_told_by_words_of_both_languages(state: str, text: str, kind: Kind) -> None:
    """Servers here speak English or French; a word nobody knows is never guessed."""
    assert sqlstates.kind(Exception(state, f"[{state}] {text}")) is kind
    assert sqlstates.code(Exception(state, text)) == state


def test_a_closed_connection_of_the_drivers_is_lost() -> None:
    """It has one argument and no state."""
    assert sqlstates.kind(Exception("Attempt to use a closed connection.")) is Kind.LOST
    assert sqlstates.code(ValueError("x")) == "ValueError"


@pytest.mark.parametrize("key", ["PWD", "UID", "Protocol", "BoolsAsChar", "ConnSettings"])
def test_what_is_ours_does_not_stand_in_the_connection(key: str) -> None:
    """Account, password and the settings the recipe needs."""
    with pytest.raises(Misconfigured):
        Postgres(f"DRIVER={{PostgreSQL Unicode}};SERVER=x;DATABASE=emr;{key}=1", USER, str)


def test_a_copy_is_another_database_of_the_same_server() -> None:
    """The same one, an empty name or a trick is refused."""
    text = "DRIVER={PostgreSQL Unicode};SERVER=x;DATABASE=emr"
    assert elsewhere(text, "copie") == "DRIVER={PostgreSQL Unicode};SERVER=x;DATABASE=copie"
    for name in ("emr", "EMR", "", "a;SERVER=y", "a}b"):
        with pytest.raises(Misconfigured):
            elsewhere(text, name)


def test_a_session_that_is_not_as_it_was_set_is_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pooler in between may keep another's settings: Misconfigured, with what was seen, and nothing is read."""
    monkeypatch.setattr(Postgres, "begin_read", "SELECT 1")
    with closing(server.root("emr")) as root:
        root.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    with used(server.dialect("latin")) as session:
        error = fails(session, "SELECT 1")
    assert isinstance(error, Misconfigured)
    assert "LATIN1" in str(error)


def test_a_session_that_may_not_be_set_is_a_fault_of_the_set_up(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server refuses a setting the recipe needs: which one is told by its code."""
    dialect = server.dialect("emr")
    with used(dialect) as session:
        monkeypatch.setattr(dialect, "_prove", lambda real: real.execute("SELECT 1 FROM absent"))
        error = fails(session, "SELECT 1")
    assert isinstance(error, Misconfigured)
    assert "42P01" in str(error)
