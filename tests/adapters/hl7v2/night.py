"""A clinic's night: an EMR whose notices get lost, and an agent that compares its mirror with the whole agenda."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from adapters.conformance import SITE
from adapters.conformance.bench import DAY, MONDAY, NOW, cells
from adapters.hl7v2 import Hl7Emr
from adapters.hl7v2.bench import Hl7Bench
from agent.core.model import Instant, Severity, Window

ZONE = ZoneInfo(SITE.zone)
HORIZON = Window(NOW, NOW + timedelta(days=14))
DEAF: dict[str, object] = {"srm.enquiry": "sqm", "srm.placer": "kept", "srm.wait": timedelta(seconds=20)}


class Night:
    """An EMR whose notices get lost, and an agent that compares. `now` moves the agent's clock."""

    def __init__(self, folder: Path, **options: object) -> None:
        self.bench = Hl7Bench(folder, {**DEAF, "reconcile.by": "sqm", **options})
        self.bench.fresh(cells(8, 9, 10, 11, who="101") + cells(8, 9, 10, 11, who="102"))
        self.tell = self.bench.emr.tell
        self.since = timedelta(0)
        night = self

        class Clock:
            def now(self) -> Instant:
                return Instant(NOW + night.since, timedelta(hours=1) + night.since)

        self.bench._tools = replace(self.bench._tools, clock=Clock())
        self.emrs: list[Hl7Emr] = []

    def deaf(self) -> None:
        """Let every further notice get lost."""
        self.bench.emr.tell = lambda _: None

    def emr(self) -> Hl7Emr:
        self.emrs.append(self.bench.adapter())
        return self.emrs[-1]

    def compare(self) -> int | None:
        """Compare by an object of its own, as the nightly job does."""
        return self.emr().reconcile(Window(NOW + self.since, NOW + self.since + timedelta(days=14)))

    def free(self, who: str = "101") -> list[int]:
        reading = self.emr().slots(DAY)
        return sorted(slot.start.hour for slot in reading.slots if slot.practitioner.key == who)

    def faults(self) -> dict[str, Severity]:
        return {each.code: each.severity for each in self.emr().slots(DAY).findings}

    def put(self, hour: int, who: str = "101", day: datetime = MONDAY) -> str:
        return self.bench.emr.book(who, day + timedelta(hours=hour), 60)

    def notes(self) -> dict[str, bytes]:
        """Return all that is kept, once what arrived is taken in."""
        self.free()
        return dict(self.bench._tools.store.notes(""))

    def later(self, **span: int) -> None:
        self.since += timedelta(**span)

    def close(self) -> None:
        for emr in self.emrs:
            emr.close()
        self.bench.close()
