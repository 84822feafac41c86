"""Which source a question is about.

Rule: one source needs no name; with several, none is guessed.
"""

from agent.answers.house import Asked, House
from agent.config.plan import EmrPlan
from agent.core.errors import Refused
from agent.core.message import say


def source_of(house: House, asked: Asked) -> EmrPlan:
    """Return the source named by the argument `emr`, or the only one. Raises Refused."""
    named, plans = asked.text("emr", ""), house.plan().emrs
    found = [source for source in plans if named in ("", source.id)]
    if len(found) != 1:
        raise Refused(
            say("find the source"),
            say("no source is named {emr}", emr=named) if named else say("there are several sources: name one"),
            say("--emr {words}", words=" | ".join(source.id for source in plans)),
            reason="which-source",
        )
    return found[0]
