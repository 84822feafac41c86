"""The promises between the parts of the agent.

Rule: every method is called by one thread at a time unless it says otherwise, and raises only the family of
`core.errors`. Objects of an EMR belong to the thread that first calls them; wiring makes one object a leg.
"""

from agent.ports.adapter import Entry, Kept, Option, RawMessage, RawStore, SitePart, SourceStore, Taken, Tools
from agent.ports.board import Board, Health, LegHealth
from agent.ports.emr import (
    Agenda,
    Books,
    Doubt,
    Doubts,
    Emr,
    Grants,
    Hints,
    Holds,
    Listens,
    Named,
    Names,
    Paced,
    Proved,
    Proves,
    Reconciles,
)
from agent.ports.hub import Answer, Hub, Identity, Keys, Rotation
from agent.ports.machine import Clock, Dice, Leg, Step, Stop
from agent.ports.records import Door, LedgerLine, Records, Sizes, Task, ToldRow
from agent.ports.store import Bookings, Box, Inbox, Outbox, Outgoing, Standing, Views

__all__ = [
    "Agenda",
    "Answer",
    "Board",
    "Bookings",
    "Books",
    "Box",
    "Clock",
    "Dice",
    "Door",
    "Doubt",
    "Doubts",
    "Emr",
    "Entry",
    "Grants",
    "Health",
    "Hints",
    "Holds",
    "Hub",
    "Identity",
    "Inbox",
    "Kept",
    "Keys",
    "LedgerLine",
    "Leg",
    "LegHealth",
    "Listens",
    "Named",
    "Names",
    "Option",
    "Outbox",
    "Outgoing",
    "Paced",
    "Proved",
    "Proves",
    "RawMessage",
    "RawStore",
    "Reconciles",
    "Records",
    "Rotation",
    "SitePart",
    "Sizes",
    "SourceStore",
    "Standing",
    "Step",
    "Stop",
    "Taken",
    "Task",
    "ToldRow",
    "Tools",
    "Views",
]
