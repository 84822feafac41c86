"""Every shipped mapping file keeps every promise of the kit, with the rights it asks for and no more."""

import pytest

from adapters import conformance
from adapters.sql.mapped.bench import MappedBench


@pytest.mark.parametrize("promise", conformance.PROMISES, ids=[promise.name for promise in conformance.PROMISES])
def test_promises(promise: conformance.Promise, copy: MappedBench) -> None:
    """The adapter keeps the promise that names the case; a token alone is no fence and leaves no tombstone."""
    assert promise.holds(copy) or (copy.mode == "token" and promise.needs in ("fenced", "tombstone"))
