"""A private PostgreSQL server a test process, with one plain table of appointments."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from adapters.sql.odbc import driver
from adapters.sql.private_postgres import Server, missing, serving

TABLES = (
    """CREATE TABLE appt(id serial PRIMARY KEY, prov integer NOT NULL, day date NOT NULL, start_at time NOT NULL,
end_at time NOT NULL, who varchar(20) NOT NULL, CHECK (end_at > start_at))""",
    "CREATE TABLE secret(n integer)",
)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    if why := missing():
        pytest.skip(why)
    with serving() as made:
        made.database("emr", TABLES)
        with closing(made.screens("emr")) as desk:
            desk.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON appt TO creneau")
            desk.execute("GRANT USAGE ON SEQUENCE appt_id_seq TO creneau")
        yield made


@pytest.fixture
def two(server: Server) -> Iterator[Callable[[], tuple[Any, Any]]]:
    """Return what opens two connections of the screens' account on an empty table, each with a transaction of its own."""
    opened: list[Any] = []

    def pair() -> tuple[Any, Any]:
        with closing(server.screens("emr")) as desk:
            desk.execute("DELETE FROM appt")
        opened.extend(driver().connect(server.desk("emr"), autocommit=False, timeout=5) for _ in range(2))
        return opened[-2], opened[-1]

    yield pair
    for each in opened:
        each.close()
