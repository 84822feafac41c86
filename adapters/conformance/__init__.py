"""The promises every adapter keeps, as tests anybody can run on theirs.

Rule: one kit for all, built in or not; an adapter is judged by what the EMR then holds, not by what it says.

    from adapters import conformance
    test_promises = conformance.suite(MyBench)      # MyBench(folder: Path) is a conformance.Bench
"""

from collections.abc import Callable
from pathlib import Path

from adapters.conformance import booking, leaving, racing, reading, staff
from adapters.conformance.bench import (
    NAME,
    SITE,
    Bench,
    Broken,
    Opening,
    Promise,
    Standing,
    Still,
)
from adapters.conformance.stores import tools

__all__ = [
    "NAME",
    "PROMISES",
    "SITE",
    "Bench",
    "Broken",
    "Opening",
    "Promise",
    "Standing",
    "Still",
    "keeps",
    "suite",
    "tools",
]

PROMISES: tuple[Promise, ...] = (
    *reading.PROMISES,
    *booking.PROMISES,
    *leaving.PROMISES,
    *staff.PROMISES,
    *racing.PROMISES,
)


def keeps(promise: Promise, make: Callable[[Path], Bench], folder: Path) -> bool:
    """Hold a fresh bench to one promise: False = the adapter does not have that ability. Raises Broken."""
    bench = make(folder)
    try:
        return promise.holds(bench)
    finally:
        bench.close()


def suite(make: Callable[[Path], Bench]) -> Callable[..., None]:
    """Return a pytest function with one case a promise; `make` gets an empty folder of its own each time."""
    import pytest

    @pytest.mark.parametrize("promise", PROMISES, ids=[promise.name for promise in PROMISES])
    def test_promise(promise: Promise, tmp_path: Path) -> None:
        """The adapter keeps the promise that names the case."""
        if not keeps(promise, make, tmp_path):
            pytest.skip(f"no ability: {promise.needs}")

    return test_promise
