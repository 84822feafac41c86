"""SEKMET (with SMART on) and Medplum's router keep every promise of the kit."""

from pathlib import Path

import pytest

from adapters import conformance
from tests.adapters.fhir.conftest import Place


@pytest.mark.parametrize("promise", conformance.PROMISES, ids=[promise.name for promise in conformance.PROMISES])
def test_promises(promise: conformance.Promise, place: Place, tmp_path: Path) -> None:
    """The adapter keeps the promise that names the case; both servers are written to without a turn."""
    assert conformance.keeps(promise, place.bench, tmp_path)
