"""Which schedule may be tried on: an empty one, that is nobody's.

Rule: nothing is made before the whole schedule was looked at; what another trial left behind is the only thing that
may stand in it.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from adapters.fhir.agenda import GONE, PEOPLE, Whose
from adapters.fhir.line import Line
from adapters.fhir.resources import relative
from adapters.fhir.scratch import Scratch, is_trial, left_behind
from adapters.fhir.search import wholly
from adapters.fhir.terms import TRIAL
from agent.core.errors import Misconfigured, Refused
from agent.core.message import Message, say
from agent.ports import Tools

AWAY = timedelta(days=400)
"""Trial slots lie this far ahead, beyond every horizon."""
OURS = "Practitioner/"


def scratch_of(
    line: Line, scratch: str, tools: Tools, whose: Callable[[str], Whose | None], shared: Collection[str]
) -> Scratch:
    """Return the schedule to try on, with what an earlier trial left there. Raises Refused when it may not be used.

    `whose`: whose a schedule is, by "Schedule/ID". `shared`: codes of the people the clinic's file names.
    """
    name = f"Schedule/{scratch.removeprefix('Schedule/')}"
    answer = line.read(name)
    if not answer.is_good or answer.json().get("resourceType") != "Schedule":
        _refuse(say("there is no {schedule} on this server", schedule=name))
    refs = [relative(str(ref.get("reference", ""))) for ref in answer.json().get("actor") or ()]
    people = sorted(ref for ref in refs if ref.startswith(PEOPLE)) or refs[:1]
    owner = whose(name)
    known = {owner.who.key} if owner is not None else set()
    if not (known | {ref.removeprefix(OURS) for ref in people}).isdisjoint(shared):
        _refuse(say("{schedule} is of a person whose slots the clinic's file shares", schedule=name))
    left = left_behind(tools.store)
    left |= _leftovers(_slots(line, name), say("{schedule} has slots: a trial needs an empty one", schedule=name))
    taken = say("{schedule} is of a person who has appointments: a trial needs nobody's", schedule=name)
    for actor in filter(None, people):
        left |= _leftovers(_appointments(line, actor, tools.clock.now().utc), taken)
    marked = wholly(line, "Appointment", [("identifier", f"{TRIAL}|{name}")])
    left |= {f"Appointment/{row['id']}" for row in marked if is_trial(row) and row.get("status") not in GONE}
    far = (tools.clock.now().utc + AWAY).astimezone(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    return Scratch(line, tools.store, name, next(iter(people), ""), far, tools.dice.token, left)


def _leftovers(rows: Iterable[dict[str, Any]], refusal: Message) -> set[str]:
    """Return what of these another trial made. Raises Refused when any is not a trial's and still stands."""
    left = set()
    for row in rows:
        if row.get("status") in GONE:
            continue
        if not is_trial(row):
            _refuse(refusal)
        left.add(f"{row['resourceType']}/{row['id']}")
    return left


def _slots(line: Line, schedule: str) -> Iterator[dict[str, Any]]:
    for row in wholly(line, "Slot", [("schedule", schedule)]):
        if relative(str(row.get("schedule", {}).get("reference", ""))) == schedule:
            yield row


def _appointments(line: Line, actor: str, now: datetime) -> Iterator[dict[str, Any]]:
    """Yield a person's appointments; where a server cannot search by person, those of its days from today on."""
    try:
        rows = list(wholly(line, "Appointment", [("actor", actor)]))
    except Misconfigured:
        days = [("date", f"ge{now:%Y-%m-%dT00:00:00Z}"), ("date", f"lt{now + AWAY + AWAY:%Y-%m-%dT00:00:00Z}")]
        rows = list(wholly(line, "Appointment", days))
    for row in rows:
        people = [one.get("actor", {}) for one in row.get("participant") or () if isinstance(one, dict)]
        if any(relative(str(one.get("reference", ""))) == actor for one in people):
            yield row


def _refuse(what: Message) -> NoReturn:
    hint = say("ask the vendor for an empty trial schedule")
    raise Refused(say("try the FHIR server"), what, hint, reason="scratch")
