"""What an agenda shows that no line of the file names."""

from datetime import UTC, datetime, timedelta

from agent.core.model import EmrName, Practitioner, SiteId, Slot, SlotKey
from agent.core.news import News, news
from agent.core.rules import Why
from agent.core.sharing import Withheld


def free(kind: str, who: str, label: str = "") -> Slot:
    start = datetime(2026, 11, 23, 14, tzinfo=UTC)
    person = Practitioner(who, None, label) if label else Practitioner(who)
    end = start + timedelta(minutes=15)
    return Slot(EmrName("dme"), SlotKey(f"{kind}{who}"), SiteId("main"), person, start, end, kind)


def test_new_types_and_people_are_counted_by_code() -> None:
    """Only what is new counts, by kind and code, with a name where the EMR has one."""
    withheld = [
        Withheld(free("s", "101"), Why.DENIED),
        Withheld(free("Q", "101"), Why.NEW_TYPE),
        Withheld(free("Q", "102"), Why.NEW_TYPE),
        Withheld(free("s", "999", "Zoé Roy"), Why.NEW_PRACTITIONER),
        Withheld(free("s", "998"), Why.NEW_PRACTITIONER),
    ]
    assert news(withheld) == (
        News("practitioner", "998", "998", 1),
        News("practitioner", "999", "Zoé Roy", 1),
        News("type", "Q", "Q", 2),
    )
    assert news([]) == ()
