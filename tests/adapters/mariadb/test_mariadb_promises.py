"""OSCAR on MariaDB keeps every promise of the kit, with the rights it asks for and no more."""

from collections.abc import Callable
from pathlib import Path

import pytest

from adapters import conformance
from adapters.sql.mariadb_bench import MariaBench


@pytest.mark.parametrize("promise", conformance.PROMISES, ids=[promise.name for promise in conformance.PROMISES])
def test_promises(promise: conformance.Promise, make_bench: Callable[[Path], MariaBench], tmp_path: Path) -> None:
    """The adapter keeps the promise that names the case, on a lax server and on a strict one."""
    assert conformance.keeps(promise, make_bench, tmp_path)
