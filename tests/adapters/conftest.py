"""Benches and made-up patients for the adapter tests."""

from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

import pytest

from adapters import conformance
from adapters.conformance.bench import MINE, cells
from adapters.memory.bench import MemoryBench
from adapters.memory.emr import MemoryEmr
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


@pytest.fixture
def broken(tmp_path: Path) -> Callable[[type[MemoryEmr]], set[str]]:
    """Return the names of the promises a sabotaged memory adapter does not keep."""

    def names(emr: type[MemoryEmr]) -> set[str]:
        return {promise.name for promise in conformance.PROMISES if _breaks(promise, emr, tmp_path)}

    return names


def _breaks(promise: conformance.Promise, emr: type[MemoryEmr], folder: Path) -> bool:
    try:
        conformance.keeps(promise, partial(MemoryBench, emr=emr), folder)
    except Exception:  # noqa: BLE001 - a sabotaged adapter may also fall over
        return True
    return False
