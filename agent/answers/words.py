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

REASON_WHY: Mapping[Why, Message] = {
    Why.NO_RULE: say("no [[sharing.allow]] rule speaks of it: nothing is shared unless a rule says so"),
    Why.DENIED: say("a [[sharing.deny]] rule says no, and no always wins"),
    Why.VETO: say("the doctor keeps a veto; only their code lifts it: creneau veto lift"),
    Why.NEW_TYPE: say("its type stands in no line of [types]: new, not shared"),
    Why.NEW_PRACTITIONER: say("the person stands in no line of [practitioners]: new, not shared"),
    Why.NO_ACCORD: say("the person's line in [practitioners] has no date of accord, or one still to come"),
    Why.TEAM_MIN: say("the rule names fewer people with an accord than team_min"),
    Why.MIN_NOTICE: say("it begins sooner than min_notice allows"),
    Why.HORIZON: say("it is further away than horizon allows"),
    Why.EXPIRED: say("expires has passed: nothing is shared"),
    Why.DISABLED: say("enabled = false, or the rules were never applied: nothing leaves yet"),
    Why.PAUSED: say("sharing is paused: nothing new appears before creneau sharing resume"),
    Why.WITHDRAWN: say("everything was taken offline: creneau sharing resume ends it"),
    Why.CANCELLED: say("it is free because an appointment was cancelled, and cancelled_frees = false"),
    Why.HELD: say("somebody is booking it online at this moment"),
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
    "late-cancel": say("This patient cancelled online late: the place is free, fill it by phone."),
    "after-cancel": say("This patient cancelled online: put the place back online, or fill it by phone."),
}
"""By the kinds of journal tasks."""
