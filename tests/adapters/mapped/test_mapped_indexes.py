"""The shipped queries find their rows by an index: a poll costs the EMR what it returns, not what it holds."""

from contextlib import closing
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from adapters.conformance import SITE
from adapters.sql import private, private_postgres
from adapters.sql.mapped.bench import MappedBench
from adapters.sql.mapped.times import Clockwork
from adapters.sql.places import Place

YEARS = {
    "gnuhealth": """INSERT INTO gnuhealth_appointment(healthprof, state, appointment_date, appointment_date_end)
SELECT 101, 'done', t, t + interval '15 minutes'
FROM generate_series(timestamp '2020-01-01', timestamp '2026-01-01', interval '2 hours') AS t""",
    "hours": """INSERT INTO appointments(doctor_id, visit_day, start_time, last_minute, status, made_by)
SELECT 101, DATE_ADD('2018-01-01', INTERVAL seq DAY), '09:00', '09:14', 'done', 'x' FROM seq_1_to_3000""",
}
FRESH = {"gnuhealth": "ANALYZE gnuhealth_appointment", "hours": "ANALYZE TABLE appointments"}


def asked(copy: MappedBench, request: pytest.FixtureRequest) -> Any:
    if copy.file.name == "gnuhealth":
        server: private_postgres.Server = request.getfixturevalue("postgres")
        return server.root("gnuhealth")
    maria: private.Server = request.getfixturevalue("mariadb")
    return maria.root("hours")


@pytest.mark.parametrize("name", ["busy", "overlap", "see"])
def test_a_query_reads_by_an_index(copy: MappedBench, name: str, request: pytest.FixtureRequest) -> None:
    """By the server's own plan, beside years of appointments."""
    clock, zone, start = Clockwork(copy.file.utc, copy.file.inclusive), ZoneInfo(SITE.zone), date(2025, 6, 2)
    first = datetime(2025, 6, 2, tzinfo=zone)
    words = {**clock.words(Place("101", start, 540), 15, zone, 60), **clock.span(first, first + timedelta(days=14))}
    query = copy.file.queries[name]
    with closing(asked(copy, request)) as root:
        root.execute(YEARS[copy.file.name])
        root.execute(FRESH[copy.file.name])
        rows = root.execute(f"EXPLAIN {query.sql}", *query.bind({**words, "ref": "1", "now": ""})).fetchall()
    if copy.file.name == "gnuhealth":
        plan = " ".join(str(row[0]) for row in rows)
        assert "Index" in plan
        assert "Seq Scan" not in plan
    else:
        assert not {"ALL", "index"} & {row[3] for row in rows}, rows  # no type at all: read by its key while planning
