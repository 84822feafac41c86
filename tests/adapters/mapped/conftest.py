"""Private servers a test process, with an EMR of each shipped shape and exactly the rights the agent asks for."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from adapters.conformance import NAME, SITE
from adapters.sql import private, private_postgres
from adapters.sql.grants import script
from adapters.sql.mapped import MappingFile, load, mapped
from adapters.sql.mapped.bench import MappedBench
from adapters.sql.mapped.file import SHIPPED
from adapters.sql.mapped.made import GNUHEALTH
from adapters.sql.places import Clinic
from adapters.sql.postgres import Postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[private_postgres.Server]:
    """Lend a PostgreSQL server with GNU Health's tables and the agent's exact rights."""
    if why := private_postgres.missing():
        pytest.skip(why)
    with private_postgres.serving() as server:
        server.database("gnuhealth", GNUHEALTH)
        with closing(server.screens("gnuhealth")) as desk:
            private.run(desk, rights(gnuhealth_file(), server.dialect("gnuhealth")))
        yield server


@pytest.fixture
def gnuhealth(postgres: private_postgres.Server) -> Iterator[MappedBench]:
    """Lend a bench for the kit."""
    bench = MappedBench(gnuhealth_file(), lambda: postgres.dialect("gnuhealth"), lambda: screens(postgres))
    yield bench
    bench.close()


def gnuhealth_file() -> MappingFile:
    return load(SHIPPED / "gnuhealth.toml")


def rights(file: MappingFile, dialect: Any) -> str:
    return script(dialect, mapped(file, Clinic(NAME, (SITE,))), sidecar=True)


def screens(server: private_postgres.Server) -> Postgres:
    return Postgres(server.connection("gnuhealth"), private.DESK, lambda: private.DESK_PASSWORD)
