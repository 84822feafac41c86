"""The messages as they were sent, and the terms of a clinic with one site."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.er7 import Terms
from agent.core.model import SiteId
from agent.ports import SitePart

MESSAGES = Path(__file__).with_name("messages")
NOW = datetime(2027, 1, 1, tzinfo=UTC)
NAMES = sorted(path.stem for path in MESSAGES.glob("*.hl7"))


@pytest.fixture
def terms() -> Terms:
    """Return how a source with one site in Montréal is read."""
    return Terms((SitePart(SiteId("principal"), "America/Toronto"),))


@pytest.fixture
def sent() -> Callable[[str], bytes]:
    """Return a message by its name."""
    return lambda name: (MESSAGES / f"{name}.hl7").read_bytes()
