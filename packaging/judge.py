"""For the lanes that live a package's life: a made-up clinic, a hub, a booking site, and eyes that look past the agent.

Rule: it runs from a copy of the program of its own, so that removing the package under test takes nothing from it.
"""

import json
import os
import sys
import time
from datetime import timedelta
from pathlib import Path

from adapters.sql import sample
from agent.clock import SystemClock
from hub import desk, tls
from hub.client import PortalClient

HERE = Path(os.environ.get("JUDGE_FOLDER", "/srv"))
HUB, TOKEN = HERE / "hub", HERE / "token"
EMR = Path(os.environ.get("JUDGE_EMR", "/srv/dme/clinique.db"))
URL = os.environ.get("JUDGE_URL", "https://127.0.0.1:8443")
CLINIC = "fjord"
PATIENT = {"family": "Tremblay", "given": "Zoé-Canari", "born": "1991-04-12", "phone": "418 555-0187"}
PATIENCE_S = 120


def setup() -> None:
    """Make the clinic's database and the hub; print the one-time code."""
    now = SystemClock().now().utc
    EMR.parent.mkdir(exist_ok=True)
    sample.make(EMR, (now - timedelta(days=1)).date())
    desk.init(HUB, URL)
    tls.private_files(HUB / "tls", "127.0.0.1", now)
    TOKEN.write_text(desk.portal(HUB, "site-web"), encoding="ascii")
    print(desk.code(HUB, CLINIC, "Clinique du Fjord"))


def takeover() -> None:
    """Print the one-time code for a machine that replaces the clinic's."""
    print(desk.code(HUB, CLINIC, takeover=True))


def portal() -> PortalClient:
    """Return the booking site."""
    return PortalClient(URL, TOKEN.read_text(encoding="ascii"), HUB / "tls" / "ca.pem")


def order(booking: str) -> None:
    """Order a slot that nobody took yet, once the hub offers one."""
    now = SystemClock().now().utc
    with portal() as site:
        slots = until(site.slots)
        site.book(CLINIC, booking, 1, str(slots[len(slots) // 2]["id"]), PATIENT, now=now)


def outcome(booking: str) -> None:
    """Wait for the booking's outcome, and see it in the agenda with our own eyes."""
    with portal() as site:
        told = until(lambda: site.outcome(CLINIC, booking)[1])
    ours = sum(row.creator == "creneau" and row.is_active for row in sample.rows(EMR))
    print(json.dumps({"outcome": told, "ours": ours}))


def until(look: object) -> object:
    """Return the first true answer; ends the program when none comes."""
    ends = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends:
        found = look()
        if found:
            return found
        time.sleep(0.2)
    raise SystemExit("judge: nothing came")


if __name__ == "__main__":
    {"setup": setup, "takeover": takeover, "order": order, "outcome": outcome}[sys.argv[1]](*sys.argv[2:])
