"""The words of a mapping file: its sections, which values each query may ask for, which columns it may give.

Rule: docs/connect-an-emr.md lists the same words; a test holds the two together.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.core.sheet import Key, list_of, string, text, whole, word

DATABASES = {"mysql": "mariadb", "postgresql": "postgresql", "sqlserver": "sqlserver"}
"""The file's word and the name of the dialect that speaks it."""

HEAD = (
    Key("name", text(1, 20)),
    Key("title", text(0, 80), ""),
    Key("database", word(*DATABASES)),
    Key("clock", word("local", "utc")),
    Key("ends", word("exclusive", "inclusive"), "exclusive"),
    Key("grid", whole(0, 480), 0),
    Key("tells", word("agenda", "openings"), "agenda"),
)
STATES = (Key("due", list_of(text(1, 40))), Key("gone", list_of(text(1, 40), empty=True), []))
BOOKS = (Key("table", text(1, 80)),)
RIGHTS = (Key("read", list_of(text(1, 400))), Key("write", list_of(text(1, 400), empty=True), []))
QUERY = (
    Key("sql", string),
    Key("values", list_of(text(1, 40), empty=True, doubles=True), []),
    Key("columns", list_of(text(1, 40), empty=True, doubles=True), []),
)

SPAN = frozenset({"from", "to", "first_day", "last_day"})
PLACE = frozenset(
    {"practitioner", "start", "end", "until", "since", "day", "start_time", "end_time", "until_time", "since_time"}
) | {"minutes"}
PERSON = frozenset({"patient", "name", "family", "given", "born", "nam", "phone", "email", "text"})
TIMES = frozenset({"start", "end", "minutes", "day", "start_time", "end_time"})
ONE = frozenset({"ref", "now"})


@dataclass(frozen=True, slots=True)
class Kind:
    """What a named query is: the values it may ask for, the columns it must and may give, and whether it reads.

    `several`: it may be a list of statements, run in order.
    """

    values: frozenset[str]
    needs: frozenset[str] = frozenset()
    may: frozenset[str] = frozenset()
    reads: bool = True
    several: bool = False


READS: Mapping[str, Kind] = {
    "open": Kind(SPAN, frozenset({"practitioner", "type"}), TIMES | {"site", "grid"}),
    "busy": Kind(SPAN, frozenset({"practitioner", "state"}), TIMES | {"ref", "mark", "site"}),
}
MAY_READ: Mapping[str, Kind] = {
    "people": Kind(frozenset(), frozenset({"practitioner", "name"})),
    "types": Kind(frozenset(), frozenset({"type", "name"})),
    "sites": Kind(frozenset(), frozenset({"site", "name"})),
}
BOOKINGS: Mapping[str, Kind] = {
    "see": Kind(ONE, frozenset({"ref", "practitioner", "state", "mark", "patient"}), TIMES | {"site"}),
    "overlap": Kind(PLACE, frozenset({"ref"})),
    "book": Kind(PLACE | PERSON | {"now", "mark", "type", "site", "row"}, reads=False),
    "cancel": Kind(ONE, reads=False, several=True),
}
MAY_BOOK: Mapping[str, Kind] = {
    "row": Kind(PLACE | {"type", "site"}, frozenset({"ref"})),
    "undo": Kind(ONE, reads=False, several=True),
    "tokens": Kind(frozenset({"like", "since"}), frozenset({"ref", "mark"})),
    "token": Kind(frozenset({"ref", "old", "new"}), reads=False),
    "patient_by_card": Kind(frozenset({"nam"}), frozenset({"patient", "born", "family", "given"})),
    "patient_by_birth": Kind(frozenset({"born"}), frozenset({"patient", "born", "family", "given"})),
}
SCRATCH: Mapping[str, Kind] = {
    "empty": Kind(frozenset(), reads=False, several=True),
    "make": Kind(PLACE | {"type"}, reads=False, several=True),
    "desk_book": Kind(PLACE, reads=False),
    "desk_cancel": Kind(ONE, reads=False),
    "desk_move": Kind(PLACE | ONE, reads=False),
    "desk_receive": Kind(ONE, reads=False),
    "standing": Kind(frozenset(), frozenset({"ref", "practitioner", "state", "mark"}), TIMES | {"site", "text"}),
}
"""How the conformance kit sets a scratch copy up, and does what the EMR's own screens do."""
