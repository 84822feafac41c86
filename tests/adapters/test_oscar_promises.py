"""OSCAR in a SQLite file keeps every promise of the kit."""

from adapters import conformance
from adapters.sql.bench import OscarBench

test_promises = conformance.suite(OscarBench)
