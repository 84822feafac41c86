"""What the kit hands to a factory behaves as the agent's own stores do."""

from datetime import UTC, datetime, timedelta

import pytest

from adapters.conformance import tools
from agent.core.errors import Misconfigured
from agent.ports import Kept, RawMessage

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def message(number: str, body: bytes) -> RawMessage:
    return RawMessage("labo", number, body, "utf-8", AT)


def test_a_message_is_kept_once() -> None:
    """New, the same again, and another body under the same number are told apart."""
    raw = tools().raw
    first = raw.keep(message("1", b"a"), b"AA")
    assert [first.kept, raw.keep(message("1", b"a"), b"x").answer] == [Kept.NEW, b"AA"]
    assert raw.keep(message("1", b"b"), b"x").kept is Kept.CLASH


def test_settled_messages_leave_the_list_with_their_notes() -> None:
    """Oldest first, and notes are written with them."""
    kit = tools()
    for number in "123":
        kit.raw.keep(message(number, b""), b"")
    kit.raw.settle([0], {1: "no"}, {"seen.1": b"x", "seen.2": b"y"})
    kit.raw.settle([], {}, {"seen.2": None, "absent": None})
    assert [each.control_id for _, each in kit.raw.unread(5)] == ["3"]
    assert kit.store.notes("seen.") == {"seen.1": b"x"}


def test_what_is_dead_can_come_back_on_the_list() -> None:
    """With another answer if one is given; what was done stays done, and no other adapter stands beside the kit."""
    kit = tools()
    for number in "12":
        kit.raw.keep(message(number, b""), b"AE")
    kit.raw.settle([0], {1: "no"}, {})
    assert (kit.raw.revive([0, 1], b"AA"), kit.raw.revive([1])) == (1, 0)
    assert [each.control_id for _, each in kit.raw.unread(5)] == ["2"]
    assert kit.raw.keep(message("2", b""), b"").answer == b"AA"
    with pytest.raises(Misconfigured):
        kit.beside("sql", {})


def test_dice_replay_and_the_vault_knows_what_it_was_given() -> None:
    """Two kits draw alike; an unknown secret is Misconfigured."""
    one, two = tools(secrets={"dme": "x"}), tools()
    assert (one.dice.token(), len(one.dice.token())) == (two.dice.token(), 22)
    assert timedelta(1) <= one.dice.between(timedelta(1), timedelta(2)) <= timedelta(2)
    assert one.secret("dme") == "x"
    with pytest.raises(Misconfigured):
        two.secret("dme")
