"""Which recipes keep two writers apart on PostgreSQL, and which do double-book: so that nobody takes the wrong one."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

Pair = Callable[[], tuple[Any, Any]]
CHECK = "SELECT id FROM appt WHERE prov = 101 AND day = '2026-11-23' AND start_at < '09:15' AND end_at > '09:00'"
INSERT = "INSERT INTO appt(prov, day, start_at, end_at, who) VALUES(101, '2026-11-23', '09:00', '09:15', ?)"
GUARDED = f"""INSERT INTO appt(prov, day, start_at, end_at, who) SELECT 101, '2026-11-23', '09:00', '09:15', ?
WHERE NOT EXISTS ({CHECK})"""
LOCK = "LOCK TABLE appt IN SHARE ROW EXCLUSIVE MODE"


def standing(base: Any) -> int:
    base.rollback()
    found = base.execute("SELECT COUNT(*) FROM appt").fetchone()[0]
    base.rollback()
    return int(found)


def plain(agent: Any, she: Any) -> None:
    assert agent.execute(CHECK).fetchall() == []
    assert she.execute(CHECK).fetchall() == []
    agent.execute(INSERT, "a")
    she.execute(INSERT, "b")


def for_update(agent: Any, she: Any) -> None:
    assert agent.execute(f"{CHECK} FOR UPDATE").fetchall() == []
    assert she.execute(f"{CHECK} FOR UPDATE").fetchall() == []
    agent.execute(INSERT, "a")
    she.execute(INSERT, "b")


def guarded(agent: Any, she: Any) -> None:
    assert agent.execute(GUARDED, "a").rowcount == 1
    assert she.execute(GUARDED, "b").rowcount == 1


def locked_after_her_look(agent: Any, she: Any) -> None:
    assert she.execute(CHECK).fetchall() == []
    agent.execute(LOCK)
    assert agent.execute(CHECK).fetchall() == []
    agent.execute(INSERT, "a")
    agent.commit()
    she.execute(INSERT, "b")


def serializable_by_us_alone(agent: Any, she: Any) -> None:
    agent.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
    plain(agent, she)


def looked_before_the_lock(agent: Any, she: Any) -> None:
    """Under REPEATABLE READ a look before the lock keeps the old picture, and hers is not seen behind the lock."""
    agent.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    agent.execute("SELECT 1 FROM appt")
    she.execute(INSERT, "b")
    she.commit()
    agent.execute(LOCK)
    assert agent.execute(CHECK).fetchall() == []
    agent.execute(INSERT, "a")


@pytest.mark.parametrize(
    "recipe", [plain, for_update, guarded, locked_after_her_look, serializable_by_us_alone, looked_before_the_lock]
)
def test_an_unsafe_recipe_double_books(two: Pair, recipe: Callable[[Any, Any], None]) -> None:
    """A plain check, FOR UPDATE, a guarded INSERT, SERIALIZABLE on one side, no look after the commit: two stand."""
    agent, she = two()
    recipe(agent, she)
    agent.commit()
    she.commit()
    assert standing(agent) == 2


def test_a_frozen_table_lets_one_in(two: Pair) -> None:
    """Both lock the table first: the second waits, then sees the first's row."""
    agent, other = two()
    agent.execute(LOCK)
    assert agent.execute(CHECK).fetchall() == []
    seen: list[Any] = []

    def second() -> None:
        other.execute(LOCK)
        seen.extend(other.execute(CHECK).fetchall())
        other.commit()

    thread = threading.Thread(target=second)
    thread.start()
    agent.execute(INSERT, "a")
    agent.commit()
    thread.join(120)
    assert len(seen) == 1
    assert standing(agent) == 1


def test_her_unsaved_booking_is_waited_for(two: Pair) -> None:
    """The lock waits for her transaction; under READ COMMITTED the check behind it sees her row."""
    agent, she = two()
    she.execute(INSERT, "b")
    thread = threading.Thread(target=agent.execute, args=(LOCK,))
    thread.start()
    she.commit()
    thread.join(120)
    assert len(agent.execute(CHECK).fetchall()) == 1


def test_readers_do_not_wait_for_a_frozen_table(two: Pair) -> None:
    """Nobody at a screen notices our lock while only looking."""
    agent, she = two()
    agent.execute(LOCK)
    she.execute("SET LOCAL lock_timeout = '100ms'")
    assert she.execute(CHECK).fetchall() == []


def test_a_conditional_update_lets_one_in(two: Pair) -> None:
    """A free row: the second finds it taken and changes nothing, without an error."""
    agent, other = two()
    agent.execute(INSERT, "free")
    agent.commit()
    take = "UPDATE appt SET who = ? WHERE who = 'free'"
    assert agent.execute(take, "a").rowcount == 1
    changed: list[int] = []
    thread = threading.Thread(target=lambda: changed.append(other.execute(take, "b").rowcount))
    thread.start()
    agent.commit()
    thread.join(120)
    other.commit()
    assert changed == [0]


def test_the_commit_of_a_failed_transaction_stores_nothing_and_says_nothing(two: Pair) -> None:
    """Why every error is followed by ROLLBACK at once: this COMMIT returns as if all were well."""
    agent, _ = two()
    agent.execute(INSERT, "a")
    with pytest.raises(Exception, match="42P01"):
        agent.execute("SELECT 1 FROM absent")
    agent.execute("COMMIT")
    assert standing(agent) == 0
