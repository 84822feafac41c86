"""A private MariaDB server a test process, with OSCAR's tables and exactly the rights the agent asks for."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from adapters.conformance.bench import cells
from adapters.sql.mariadb_bench import MariaBench
from adapters.sql.private import Server, missing, serving


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Lend a server as OSCAR sites run theirs: no strict mode."""
    if why := missing():
        pytest.skip(why)
    with serving() as made:
        yield made


@pytest.fixture(params=["lax", "stock"])
def any_server(server: Server, request: pytest.FixtureRequest) -> Iterator[Server]:
    """Lend the server as a site of OSCAR's has it, then with the strictness MariaDB comes with."""
    modes = {"lax": ("''", "OFF"), "stock": ("DEFAULT", "DEFAULT")}
    _set(server, *modes[request.param])
    yield server
    _set(server, *modes["lax"])


@pytest.fixture
def make_bench(any_server: Server) -> Callable[[Path], MariaBench]:
    """Return what makes benches on the server."""
    return lambda folder: MariaBench(any_server, folder)


@pytest.fixture
def maria(server: Server, tmp_path: Path) -> MariaBench:
    """Lend a bench with free slots at 8, 9, 10 and 11 on the kit's Monday."""
    made = MariaBench(server, tmp_path)
    made.fresh(cells(8, 9, 10, 11))
    return made


def _set(server: Server, mode: str, strict: str) -> None:
    with closing(server.root()) as root:
        root.execute(f"SET GLOBAL sql_mode = {mode}")
        root.execute(f"SET GLOBAL innodb_strict_mode = {strict}")
