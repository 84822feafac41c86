"""Leader group commit: many threads, one commit, each its own result.

Rule: threads are let go together and joined; nothing sleeps.
"""

import gc
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import apsw
import pytest

from agent.core.errors import Refused, Transient
from agent.journal import Journal, Tx


def _put(name: str, value: str = "1") -> Callable[[Tx], str]:
    def work(tx: Tx) -> str:
        tx.run("INSERT INTO fact VALUES(?, ?)", name, value)
        return name

    return work


def _names(journal: Journal) -> set[str]:
    return {row[0] for row in journal.read(lambda db: db.rows("SELECT name FROM fact WHERE name LIKE 'x%'"))}


def _together(journal: Journal, *works: Callable[[Tx], object]) -> list[object]:
    """Run works as one batch: the leader's seat is kept until all of them wait."""
    group = journal._store._group
    outcomes: list[object] = [None] * len(works)

    def member(n: int) -> None:
        try:
            outcomes[n] = journal.write(works[n])
        except BaseException as exc:  # noqa: BLE001 - looked at by the test
            outcomes[n] = exc

    with group._seat:
        threads = [threading.Thread(target=member, args=(n,)) for n in range(len(works))]
        for thread in threads:
            thread.start()
        for _ in range(10_000_000):
            with group._door:
                if len(group._waiting) == len(works):
                    break
    for thread in threads:
        thread.join()
    return outcomes


def test_eight_threads_lose_nothing(journal: Journal) -> None:
    """8 threads x 200 writes: every one returns its own result and is there."""
    start = threading.Barrier(8)

    def one(thread: int) -> list[str]:
        start.wait()
        return [journal.write(_put(f"x{thread}-{n}")) for n in range(200)]

    with ThreadPoolExecutor(8) as pool:
        said = {name for names in pool.map(one, range(8)) for name in names}
    assert said == _names(journal)
    assert len(said) == 1600


def test_a_batch_is_one_commit(journal: Journal) -> None:
    """Works that wait together are committed together."""
    commits: list[int] = []
    journal._store._group.conn.set_commit_hook(lambda: bool(commits.append(1)))
    assert _together(journal, *(_put(f"x{n}") for n in range(6))) == [f"x{n}" for n in range(6)]
    assert len(commits) == 1


def test_one_failing_member_does_not_harm_the_batch(journal: Journal) -> None:
    """An exception of one work takes back its rows only, and is raised to its caller only."""

    def bad(tx: Tx) -> None:
        _put("x-bad")(tx)
        raise ValueError("mine")

    first, second, third = _together(journal, _put("x1"), bad, _put("x3"))
    assert (first, third) == ("x1", "x3")
    assert isinstance(second, ValueError)
    assert _names(journal) == {"x1", "x3"}


def test_a_row_against_the_rules_is_its_owners_fault_alone(journal: Journal) -> None:
    """A constraint fails one member; the others are committed."""
    first, second = _together(journal, _put("x1"), lambda tx: tx.run("INSERT INTO told VALUES('i', NULL, 1, NULL)"))
    assert first == "x1"
    assert isinstance(second, Refused)


def test_a_full_disk_in_one_member_rolls_back_and_runs_each_alone(journal: Journal) -> None:
    """FULL takes back the whole batch; each member then runs once more and gets its own result."""
    runs: list[str] = []

    def good(tx: Tx) -> str:
        runs.append("good")
        return _put("x-good")(tx)

    def full(tx: Tx) -> None:
        runs.append("full")
        _put("x-full")(tx)
        raise apsw.FullError("no room")

    outcomes = _together(journal, good, full)
    assert "x-good" in outcomes
    assert any(isinstance(o, Transient) for o in outcomes)
    assert runs.count("full") == 2
    assert _names(journal) == {"x-good"}


def test_a_commit_that_fails_is_told_to_every_member(journal: Journal) -> None:
    """When the commit itself fails, every member hears it, each with an error of its own, and nothing is there."""
    conn = journal._store._group.conn
    conn.set_commit_hook(lambda: True)
    outcomes = _together(journal, _put("x1"), _put("x2"))
    conn.set_commit_hook(None)
    assert [type(o) for o in outcomes] == [Refused, Refused]
    assert outcomes[0] is not outcomes[1]
    assert _names(journal) == set()
    assert journal.write(_put("x3")) == "x3"


def test_a_commit_that_fails_by_io_runs_each_alone(journal: Journal) -> None:
    """An I/O error at the commit rolls back; alone, those whose commit works succeed."""
    conn = journal._store._group.conn
    calls: list[int] = []

    def hook() -> bool:
        calls.append(1)
        if len(calls) == 1:
            raise apsw.IOError("disk")
        return False

    conn.set_commit_hook(hook)
    assert _together(journal, _put("x1"), _put("x2")) == ["x1", "x2"]
    conn.set_commit_hook(None)
    assert _names(journal) == {"x1", "x2"}


def test_an_interrupt_in_a_work_is_raised_to_its_owner(journal: Journal) -> None:
    """Even a BaseException takes back only its own rows."""

    class Boom(BaseException):
        pass

    def boom(tx: Tx) -> None:
        _put("x-boom")(tx)
        raise Boom

    with pytest.raises(Boom):
        journal.write(boom)
    assert journal.write(_put("x1")) == "x1"
    assert _names(journal) == {"x1"}


def test_an_interrupt_of_the_leader_answers_everyone(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the leader itself is interrupted, the transaction is taken back and the member is told."""

    def stop(member: object) -> None:
        raise KeyboardInterrupt

    group = journal._store._group
    with monkeypatch.context() as patch:
        patch.setattr(group, "_work", stop)
        with pytest.raises(KeyboardInterrupt):
            journal.write(_put("x1"))
    assert not group.conn.in_transaction
    assert journal.write(_put("x2")) == "x2"


def test_a_write_inside_a_write_is_a_programming_error(journal: Journal) -> None:
    """It would wait for itself for ever, so it raises."""
    with pytest.raises(RuntimeError, match="inside"):
        journal.write(lambda tx: journal.write(_put("x1")))


def test_readers_of_many_threads_see_only_what_is_committed(journal: Journal) -> None:
    """A reader's picture does not change while it looks, and each thread has its own connection."""
    seen: list[int] = []

    def look(_: int) -> int:
        return journal.read(lambda db: len(db.rows("SELECT 1 FROM fact WHERE name LIKE 'x%'")))

    def work(tx: Tx) -> None:
        _put("x1")(tx)
        with ThreadPoolExecutor(4) as pool:
            seen.extend(pool.map(look, range(4)))

    journal.write(work)
    assert seen == [0, 0, 0, 0]
    assert look(0) == 1


def test_a_thread_that_ends_takes_its_reader_along(journal: Journal) -> None:
    """Short-lived threads, such as those of the local door, leave no open connection behind."""

    def look() -> None:
        journal.read(lambda db: db.rows("SELECT 1"))

    before = len(journal._store._open_readers)
    for _ in range(5):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    gc.collect()
    assert len(journal._store._open_readers) == before
