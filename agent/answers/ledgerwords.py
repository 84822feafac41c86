"""What each kind of ledger line is called, and what the register of communications says of it.

Rule: nature, recipient and purpose are the three columns the register of the health-information Act asks for (R-22.1,
s. 265; r. 2, s. 6); a line that communicated nothing to anybody has none.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.core.message import Message, say


@dataclass(frozen=True, slots=True)
class Told:
    """The words of one kind of line."""

    what: Message
    nature: Message | None = None
    purpose: Message | None = None


_KINDS: Mapping[str, Told] = {
    "sent offer": Told(
        say("free slots told to the hub"),
        say("availability periods: times, place, clientele, reason, mode; no patient"),
        say("let patients book online, by the sharing rules the clinic put into force"),
    ),
    "sent outcomes": Told(
        say("answer to booking requests"),
        say("the booking's number and what became of it, with its time; no name"),
        say("tell the patient, through the booking site, whether they have the appointment"),
    ),
    "sent": Told(
        say("message to the hub"),
        say("state of the agent; no patient, no schedule"),
        say("keep the link with the hub"),
    ),
    "receipt": Told(say("receipt signed by the hub")),
    "received": Told(say("booking request from the hub")),
    "whose": Told(say("whose slots the message spoke of; stays here")),
    "countersigned": Told(say("ledger countersigned by the hub")),
    "hub-keys": Told(say("new keys of the hub")),
    "enrol": Told(say("joined a hub")),
    "left": Told(say("left the hub")),
    "sharing": Told(say("sharing rules put into force")),
    "posture": Told(say("pause, withdrawal, freeze or their end")),
    "veto": Told(say("a doctor's veto")),
    "task": Told(say("a task looked at or answered")),
    "doubt": Told(say("times given back after a message was not understood")),
    "viewed": Told(say("one person's rows looked at")),
    "exported": Told(say("a copy of the ledger taken")),
    "secret": Told(say("a secret stored")),
    "release": Told(say("a version the hub told of")),
    "backup": Told(say("a backup taken")),
    "bundle": Told(say("a support archive taken")),
    "aside": Told(say("answers the hub would not take, set aside")),
    "restart": Told(say("everything sent anew")),
    "year": Told(say("a new year opened")),
    "pruned": Told(say("a year past its retention let go")),
    "start": Told(say("the journal began")),
}


def told(kind: str, path: str) -> Told:
    """Return the words of a line; `path` is the verb of a sent message."""
    return _KINDS.get(f"{kind} {path}") or _KINDS.get(kind) or Told(say("{kind}", kind=kind))
