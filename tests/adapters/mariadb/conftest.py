"""A private MariaDB server a test process, with exactly the rights the agent asks for in each EMR's database."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from adapters.conformance.bench import cells
from adapters.sql.mariadb import Mariadb
from adapters.sql.mariadb_bench import MariaBench, OpenEmrBench
from adapters.sql.private import OPENEMR, OSCAR, Server, missing, serving
from adapters.sql.session import Session
from agent.core.errors import CreneauError
from agent.core.message import say

WAYS = ("oscar", "oscar-token", "openemr", "openemr-token")
"""Each built-in mapping, with the sidecar and without."""

Bench = MariaBench | OpenEmrBench
Fails = Callable[..., CreneauError]
Used = Callable[[Mariadb], AbstractContextManager[Session]]


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Lend a server as OSCAR sites run theirs: no strict mode."""
    if why := missing():
        pytest.skip(why)
    with serving() as made:
        yield made


@pytest.fixture(scope="session")
def place(server: Server) -> Callable[[str], Server]:
    """Return what gives a way's own database on the one server."""

    @cache
    def made(way: str) -> Server:
        emr, _, token = way.partition("-")
        base = {"oscar": OSCAR, "openemr": OPENEMR}[emr]
        return server if way == "oscar" else server.beside(replace(base, name=f"{emr}{token}", sidecar=not token))

    return made


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    """Name each way in turn."""
    return str(request.param)


@pytest.fixture
def any_bench(way: str, place: Callable[[str], Server], tmp_path: Path) -> Bench:
    """Lend each way's bench with free slots at 8, 9, 10 and 11 on the kit's Monday."""
    made = bench_of(place(way), tmp_path)
    made.fresh(cells(8, 9, 10, 11))
    return made


@pytest.fixture(params=["lax", "stock"])
def strictness(server: Server, request: pytest.FixtureRequest) -> Iterator[str]:
    """Set the server as a site of OSCAR's has it, then with the strictness MariaDB comes with."""
    modes = {"lax": ("''", "OFF"), "stock": ("DEFAULT", "DEFAULT")}
    _set(server, *modes[request.param])
    yield str(request.param)
    _set(server, *modes["lax"])


@pytest.fixture
def maria(server: Server, tmp_path: Path) -> MariaBench:
    """Lend a bench with free slots at 8, 9, 10 and 11 on the kit's Monday."""
    made = MariaBench(server, tmp_path)
    made.fresh(cells(8, 9, 10, 11))
    return made


@pytest.fixture
def openemr(place: Callable[[str], Server]) -> OpenEmrBench:
    """Lend OpenEMR with free slots at 8, 9, 10 and 11 on the kit's Monday."""
    made = OpenEmrBench(place("openemr"))
    made.fresh(cells(8, 9, 10, 11))
    return made


def bench_of(server: Server, folder: Path) -> Bench:
    """Return the bench of a server's database."""
    oscar = server.database.mapping.name == "oscar"
    return MariaBench(server, folder) if oscar else OpenEmrBench(server)


def _set(server: Server, mode: str, strict: str) -> None:
    with closing(server.root()) as root:
        root.execute(f"SET GLOBAL sql_mode = {mode}")
        root.execute(f"SET GLOBAL innodb_strict_mode = {strict}")


@pytest.fixture
def fails() -> Fails:
    """Return what runs one statement and gives back the error it must end in."""

    def run(session: Session, sql: str = "SELECT 1", *values: Any, write: bool = False) -> CreneauError:
        doing = say("try")
        with pytest.raises(CreneauError) as told, (session.writing if write else session.reading)(doing) as work:
            (work.change if write else work.rows)(sql, *values)
        return told.value

    return run


@pytest.fixture
def used() -> Used:
    """Return what lends a session of a dialect and closes it."""

    @contextmanager
    def lend(dialect: Mariadb) -> Iterator[Session]:
        session = Session(dialect)
        try:
            yield session
        finally:
            session.close()

    return lend
