"""HL7 v2 text as EMRs really send it: scanned, timed and understood without any library.

Rule: pure, and shared by the adapters that meet such text; it knows none of them.
"""

from adapters.er7.faults import Unread
from adapters.er7.reader import Action, Change, Kind, Terms, listed, read, understand
from adapters.er7.scan import Message, Segment, Separators, head, is_whole, messages, scan

__all__ = [
    "Action",
    "Change",
    "Kind",
    "Message",
    "Segment",
    "Separators",
    "Terms",
    "Unread",
    "head",
    "is_whole",
    "listed",
    "messages",
    "read",
    "scan",
    "understand",
]
