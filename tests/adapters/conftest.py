"""Benches and made-up patients for the adapter tests."""

from datetime import date
from pathlib import Path

import pytest

from adapters.conformance.bench import MINE, cells
from adapters.sql.bench import OscarBench
from agent.core.model import Patient


@pytest.fixture
def bench(tmp_path: Path) -> OscarBench:
    """Make an OSCAR-shaped file with free slots at 8, 9, 10 and 11 on the kit's Monday."""
    made = OscarBench(tmp_path)
    made.fresh(cells(8, 9, 10, 11))
    return made


@pytest.fixture
def patient() -> Patient:
    """Make somebody up, with everything a portal can send."""
    return Patient(
        MINE, 1, "Néron-Côté", "Zoé", date(1980, 2, 3), "NERZ 8052 0312", "418 555-0177", "", "F", "béquilles"
    )
