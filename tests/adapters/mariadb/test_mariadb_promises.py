"""OSCAR and OpenEMR on MariaDB keep every promise of the kit, with the rights they ask for and no more."""

from collections.abc import Callable
from pathlib import Path

import pytest

from adapters import conformance
from adapters.sql.mariadb_bench import MariaBench, OpenEmrBench
from adapters.sql.private import Server


@pytest.mark.usefixtures("strictness")
@pytest.mark.parametrize("promise", conformance.PROMISES, ids=[promise.name for promise in conformance.PROMISES])
def test_promises(promise: conformance.Promise, way: str, place: Callable[[str], Server], tmp_path: Path) -> None:
    """The adapter keeps the promise that names the case, on a lax server and on a strict one."""

    def make(folder: Path) -> conformance.Bench:
        server = place(way)
        return MariaBench(server, folder) if way.startswith("oscar") else OpenEmrBench(server)

    holds = conformance.keeps(promise, make, tmp_path)
    assert holds or (way.endswith("token") and promise.needs in ("fenced", "tombstone"))
