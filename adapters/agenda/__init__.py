"""What a clinic is open for, less what its EMR told us is taken: the schedule of sources that only push.

Rule: pure but for the calendar file it is given; shared by adapters, and it knows none of them.
"""

from adapters.agenda.calendar import Event, events
from adapters.agenda.free import Freed, agenda, apart, free
from adapters.agenda.hours import open_time
from adapters.agenda.mirror import Mirror, Record
from adapters.agenda.openings import Opening, Weekly, expand, read_weekly

__all__ = [
    "Event",
    "Freed",
    "Mirror",
    "Opening",
    "Record",
    "Weekly",
    "agenda",
    "apart",
    "events",
    "expand",
    "free",
    "open_time",
    "read_weekly",
]
