"""The protocol's page and the hub say the same."""

import re
from pathlib import Path
from typing import Any

import pytest

from hub import outcomes, portal, wire
from hub.problem import STATUS
from hub.verbs import VERBS

PAGE = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")


def test_every_problem_is_on_the_page_with_its_status() -> None:
    """The table of problems is the hub's own, row by row."""
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \|", PAGE, re.MULTILINE)
    assert {word: int(status) for word, status in rows} == dict(STATUS)


@pytest.mark.parametrize(
    "shape", [wire.Offer, wire.AskOrders, wire.Outcome, wire.Beat, wire.Enrol, wire.Rotate, wire.Slot]
)
def test_every_member_is_on_the_page(shape: Any) -> None:
    """A stranger finds each member a hub reads."""
    missing = [name for name in shape.model_fields if not re.search(rf"\b{name}\b", PAGE)]
    assert missing == []


def test_every_verb_has_its_section() -> None:
    """One heading a verb."""
    headings = set(re.findall(r"^## \d+\. `(\w+)`$", PAGE, re.MULTILINE))
    assert headings == {"enrol", *VERBS}


def test_every_portal_path_is_on_the_page() -> None:
    """The portal's calls are listed as they are served."""
    for route in portal.ROUTER.routes:
        path = str(getattr(route, "path", "")).removeprefix("/portal/v1").replace("{clinic}", "{id}")
        assert any(f"{method} {path}" in PAGE for method in getattr(route, "methods", ()))


def test_the_times_on_the_page_are_the_hubs() -> None:
    """Validity, memory and erasure."""
    assert outcomes.PATIENT_KEPT.total_seconds() == 24 * 3600
    assert "erases it 24 h after the final outcome" in PAGE
    assert f"**{portal.view.VALIDITY.seconds // 60} minutes after the last renewal**" in PAGE
    assert f"The memory lasts {outcomes.SEEN_KEPT.seconds // 60} minutes" in PAGE
