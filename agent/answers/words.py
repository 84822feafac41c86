"""The words people read for the words machines write.

Rule: each table is whole for its enumeration; a test keeps it so.
"""

from collections.abc import Mapping

from agent.core.booking import Outcome, State
from agent.core.message import Message, say
from agent.core.model import Cell
from agent.core.sharing import Posture, Why

CELL: Mapping[Cell, Message] = {
    Cell.FREE: say("free"),
    Cell.BUSY: say("taken"),
    Cell.BLOCKED: say("closed"),
    Cell.OURS: say("booked online"),
}

WHY: Mapping[Why, Message] = {
    Why.NO_RULE: say("no rule allows it"),
    Why.DENIED: say("a rule says no"),
    Why.VETO: say("the doctor said no"),
    Why.NEW_TYPE: say("new type, not named in [types]"),
    Why.NEW_PRACTITIONER: say("new person, not named in [practitioners]"),
    Why.NO_ACCORD: say("no date of agreement"),
    Why.TEAM_MIN: say("too few people in the rule"),
    Why.MIN_NOTICE: say("too soon"),
    Why.HORIZON: say("too far away"),
    Why.EXPIRED: say("the sharing has expired"),
    Why.DISABLED: say("rehearsal: sharing is off"),
    Why.PAUSED: say("sharing is paused"),
    Why.WITHDRAWN: say("everything is withdrawn"),
    Why.CANCELLED: say("freed by a cancellation"),
    Why.HELD: say("being booked"),
}

POSTURE: Mapping[Posture, Message] = {
    Posture.OPEN: say("open"),
    Posture.PAUSED: say("paused: nothing new appears"),
    Posture.WITHDRAWN: say("withdrawn: no slot is online"),
    Posture.FROZEN: say("frozen: nothing is written into the EMR"),
    Posture.CLOSED: say("withdrawn and frozen: no slot is online, nothing is written into the EMR"),
}

CLIENTELE: Mapping[str, Message] = {
    "enrolled-with-doctor": say("enrolled with the doctor"),
    "enrolled-at-site": say("enrolled at the site"),
    "enrolled-with-professional": say("enrolled with the professional"),
    "anyone": say("anyone"),
}

REASON: Mapping[str, Message] = {
    "urgent": say("urgent"),
    "semi-urgent": say("semi-urgent"),
    "pregnancy": say("pregnancy"),
    "pediatric": say("pediatric"),
    "regular": say("regular"),
}

MODE: Mapping[str, Message] = {
    "on-site": say("on site"),
    "home": say("at home"),
    "video": say("by video"),
    "phone": say("by phone"),
}

OUTCOME: Mapping[Outcome, Message] = {
    Outcome.HELD: say("kept for a moment"),
    Outcome.BOOKED: say("booked"),
    Outcome.CONFLICT: say("not booked: no longer free"),
    Outcome.CANCELLED: say("cancelled by the patient"),
    Outcome.RELEASED: say("given up"),
    Outcome.EXPIRED: say("not confirmed in time"),
    Outcome.SUPERSEDED: say("replaced by a newer request"),
    Outcome.REQUESTED: say("not confirmed yet"),
    Outcome.CHECKING: say("to check"),
    Outcome.CHANGED: say("changed at the clinic"),
    Outcome.CANCELLED_BY_CLINIC: say("cancelled by the clinic"),
    Outcome.REFUSED: say("refused"),
}

STATE: Mapping[State, Message] = {
    State.QUEUED: say("in line"),
    State.INTENT: say("being written"),
    State.RESOLVED: say("done, the hub will be told"),
    State.REPORTED: say("done"),
    State.UNSURE: say("to check"),
    State.QUARANTINE: say("blocked: call IT"),
}

TASK: Mapping[str, Message] = {
    "enter": say("Enter this appointment in the agenda."),
    "enter-move": say("Move this appointment in the agenda."),
    "enter-cancel": say("Cancel this appointment in the agenda."),
    "checking": say("Check whether this appointment is in the agenda."),
    "staff-changed": say("This online appointment was changed at the clinic: check it."),
    "unmatched": say("This patient was not found in the EMR: link the file."),
    "quarantine": say("Blocked request: call IT."),
    "limit": say("More online bookings than the limit: check them."),
}
"""By the kinds of journal tasks."""
