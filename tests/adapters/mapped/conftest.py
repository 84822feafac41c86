"""Private servers a test process, with an EMR of each shipped shape and exactly the rights the agent asks for."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from adapters.conformance import NAME, SITE
from adapters.conformance.bench import cells
from adapters.sql import private, private_postgres
from adapters.sql.dialect import Dialect
from adapters.sql.grants import script
from adapters.sql.mapped import MappingFile, load, mapped
from adapters.sql.mapped.bench import MappedBench
from adapters.sql.mapped.file import SHIPPED
from adapters.sql.mapped.made import GNUHEALTH, HOURS
from adapters.sql.mapped.mapping import MappedBooking
from adapters.sql.mariadb import Mariadb
from adapters.sql.places import Clinic
from adapters.sql.postgres import Postgres

GNUHEALTH_FILE = load(SHIPPED / "gnuhealth.toml")
HOURS_FILE = load(SHIPPED / "hours-mysql.toml")


def booking(file: MappingFile) -> MappedBooking:
    made = mapped(file, Clinic(NAME, (SITE,)))
    assert isinstance(made, MappedBooking)
    return made


@pytest.fixture(scope="session")
def postgres() -> Iterator[private_postgres.Server]:
    """Lend a PostgreSQL server with GNU Health's tables and the agent's exact rights."""
    if why := private_postgres.missing():
        pytest.skip(why)
    with private_postgres.serving() as server:
        server.database("gnuhealth", GNUHEALTH)
        with closing(server.screens("gnuhealth")) as desk:
            private.run(desk, script(server.dialect("gnuhealth"), booking(GNUHEALTH_FILE), sidecar=True))
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[private.Server]:
    """Lend a MariaDB server with a plain agenda and the agent's exact rights."""
    if why := private.missing():
        pytest.skip(why)
    with private.serving(private.Database("hours", "utf8mb4", HOURS, booking(HOURS_FILE))) as server:
        yield server


WAYS = [
    f"{shape}, {mode}" for shape in ("gnuhealth on postgresql", "hours on mariadb") for mode in ("sidecar", "token")
]


@pytest.fixture(params=WAYS)
def copy(request: pytest.FixtureRequest) -> Iterator[MappedBench]:
    """Lend a bench of each shape and memory, with free slots at 8, 9, 10 and 11 on the kit's Monday."""
    shape, mode = request.param.split(", ")
    bench = (_gnuhealth if shape.startswith("gnuhealth") else _hours)(request, mode)
    bench.fresh(cells(8, 9, 10, 11))
    yield bench
    bench.close()


def _gnuhealth(request: pytest.FixtureRequest, mode: str) -> MappedBench:
    server: private_postgres.Server = request.getfixturevalue("postgres")

    def desk() -> Dialect:
        return Postgres(server.connection("gnuhealth"), private.DESK, lambda: private.DESK_PASSWORD)

    return MappedBench(GNUHEALTH_FILE, lambda: server.dialect("gnuhealth"), desk, mode)


def _hours(request: pytest.FixtureRequest, mode: str) -> MappedBench:
    server: private.Server = request.getfixturevalue("mariadb")

    def desk() -> Dialect:
        return Mariadb(server.connection, private.DESK, lambda: private.DESK_PASSWORD)

    return MappedBench(HOURS_FILE, server.dialect, desk, mode)
