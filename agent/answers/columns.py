"""The columns of `creneau preview`, in order: the agenda on the left, what would leave on the right.

Rule: this list is the only place to touch to show one more thing; screen, --json and tests follow it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from agent.answers import words
from agent.core.message import Message, say
from agent.core.model import AgendaRow
from agent.core.sharing import Offered, SharedSlot, Withheld

Value = str | Message | None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the preview: a row of the agenda and, when it is a free slot, what the rules say of it."""

    agenda: AgendaRow
    offered: Offered | None = None
    withheld: Withheld | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `key` is its name in --json; `wide`: left out of the screen unless asked for."""

    key: str
    title: Message
    value: Callable[[Row], Value]
    wide: bool = False


def _sent(member: Callable[[SharedSlot], Value]) -> Callable[[Row], Value]:
    return lambda row: None if row.offered is None else member(row.offered.shared)


def _day(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M")


def _why(row: Row) -> Value:
    return None if row.withheld is None else words.WHY[row.withheld.why]


def _line(row: Row) -> Value:
    return None if row.withheld is None or not row.withheld.line else str(row.withheld.line)


AGENDA = (
    Column("when", say("when"), lambda row: _day(row.agenda.start)),
    Column("until", say("until"), lambda row: row.agenda.end.strftime("%H:%M")),
    Column("who", say("who"), lambda row: row.agenda.practitioner.label or row.agenda.practitioner.key),
    Column("where", say("where"), lambda row: row.agenda.site, wide=True),
    Column("cell", say("agenda"), lambda row: words.CELL[row.agenda.cell]),
    Column("type", say("type"), lambda row: row.agenda.type),
)
"""Left: the clinic's own screen."""

LEAVES = (
    Column("start", say("start"), _sent(lambda shared: _day(shared.start))),
    Column("end", say("end"), _sent(lambda shared: shared.end.strftime("%H:%M"))),
    Column("precision", say("precision"), _sent(lambda shared: shared.precision), wide=True),
    Column("site", say("site"), _sent(lambda shared: shared.site), wide=True),
    Column("confirmation", say("confirmation"), _sent(lambda shared: shared.confirmation), wide=True),
    Column("practitioner", say("name"), _sent(lambda shared: shared.practitioner or say("the team"))),
    Column("bookable_from", say("since"), _sent(lambda shared: _day(shared.bookable_from)), wide=True),
    Column("clientele", say("for whom"), _sent(lambda shared: words.CLIENTELE.get(shared.clientele, shared.clientele))),
    Column("reason", say("reason"), _sent(lambda shared: words.REASON.get(shared.reason, shared.reason))),
    Column("redirect", say("redirect"), _sent(lambda shared: shared.redirect), wide=True),
    Column("mode", say("mode"), _sent(lambda shared: words.MODE.get(shared.mode, shared.mode)), wide=True),
    Column("why", say("stays because"), _why),
    Column("line", say("line"), _line),
)
"""Right: what the hub would read less random ids; for a slot that stays, why, and the line of the rule."""
