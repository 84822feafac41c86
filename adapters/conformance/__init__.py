"""The promises every adapter keeps, as tests anybody can run on theirs.

Rule: one kit for all, built in or not; an adapter is judged by what the EMR then holds, not by what it says.

    from adapters import conformance
    test_promises = conformance.suite(MyBench)      # MyBench(folder: Path) is a conformance.Bench
"""

from collections.abc import Callable, Collection
from pathlib import Path

from adapters.conformance import booking, leaving, racing, reading, staff
from adapters.conformance.bench import (
    NAME,
    READING,
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


def suite(make: Callable[[Path], Bench], *, lacks: Collection[str] = ()) -> Callable[..., None]:
    """Return a pytest function with one case a promise; `make` gets an empty folder of its own each time.

    `lacks`: the abilities the adapter does not have, in the words of `Promise.needs`; without "books" none of those
    of `WriteRules` is there either. Promises that need one are left out, and one case a word shows that it is so:
    an ability lost by accident fails, and so does one that is there and nobody judges.
    """
    import pytest

    absent = {*lacks, *(writing.needs for writing in PROMISES if writing.needs not in READING and "books" in lacks)}
    first = {promise.needs: promise for promise in reversed(PROMISES) if promise.needs in absent}
    cases = [
        *(pytest.param(promise, True, id=promise.name) for promise in PROMISES if promise.needs not in absent),
        *(pytest.param(promise, False, id=f"lacks-{word}") for word, promise in sorted(first.items())),
    ]

    @pytest.mark.parametrize(("promise", "able"), cases)
    def test_promise(promise: Promise, able: bool, tmp_path: Path) -> None:
        """The adapter keeps the promise that names the case; of one it does not make, it lacks the ability."""
        if keeps(promise, make, tmp_path) is not able:
            raise Broken(f"{promise.needs}: {'lost; or say' if able else 'is there; do not say'} lacks=")

    return test_promise
