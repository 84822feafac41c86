"""What a proof may touch, what it tells, and how a file becomes an adapter."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from adapters import conformance
from adapters.conformance import Broken, Promise, tools
from adapters.sql import private, private_postgres
from adapters.sql.emr import SqlEmr, SqlReader
from adapters.sql.factory import open_
from adapters.sql.mapped import proof
from adapters.sql.mapped.emr import MappedEmr
from adapters.sql.mapped.file import SHIPPED
from agent.core.errors import CreneauError, Misconfigured, Refused, Transient
from agent.core.message import say
from agent.core.model import EmrName
from agent.ports import Books, Proved, Proves

NAME = EmrName("dme")
GRANTS = """-- Lire / to read
GRANT TEMPORARY ON DATABASE "gnuhealth" TO "creneau";
GRANT SELECT ON gnuhealth_appointment TO "creneau";
"""


def opened(server: private_postgres.Server, mapping: Any = "gnuhealth", **options: Any) -> SqlReader:
    given = {"mapping": mapping, "connection": server.connection("gnuhealth"), "user": private.USER, **options}
    password = private.DESK_PASSWORD if given["user"] == private.DESK else private.PASSWORD
    return open_(NAME, given, tools(secrets={"dme": password}))


def promise(check: Callable[[Any], None], needs: str = "") -> Promise:
    return Promise(check.__name__, "", needs, check)


def breaks(_: Any) -> None:
    raise Broken("two stand")


def busy(_: Any) -> None:
    raise Transient(say("try"), say("somebody else holds the lock"))


def holds(_: Any) -> None:
    return


def test_a_proof_tries_all_and_tells_each(postgres: private_postgres.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kept, broken, an error, an ability it has not; then the races: on the marked copy, by the adapter's own way."""
    promises = (promise(holds), promise(breaks), promise(busy), promise(holds, "agenda"))
    monkeypatch.setattr(proof, "PROMISES", (*promises, *(p for p in conformance.PROMISES if p.name == "a_human_wins")))
    monkeypatch.setattr(proof, "RUNS", 1)
    postgres.database("copie", ())
    with closing(postgres.screens("copie")) as desk:
        _copy(postgres, desk)
    emr = opened(postgres, user=private.DESK)
    assert isinstance(emr, Proves)
    told = list(emr.prove("copie"))
    emr.close()
    assert [(one.name, one.kept, one.says) for one in told[:3]] == [
        ("holds", True, ""),
        ("breaks", False, "two stand"),
        ("busy", False, "somebody else holds the lock"),
    ]
    assert told[4] == Proved("a_human_wins", kept=True)
    assert [one.kept for one in told[5:]] == [True, True, True]


def _copy(server: private_postgres.Server, desk: Any) -> None:
    from adapters.sql.grants import script
    from adapters.sql.mapped.made import GNUHEALTH

    for table in GNUHEALTH:
        desk.execute(table)
    mapping: Any = opened(server)
    private.run(desk, script(server.dialect("copie"), mapping._mapping, sidecar=True))
    desk.execute("CREATE TABLE creneau_scratch(n INT)")
    mapping.close()


def test_what_is_no_marked_copy_is_never_touched(postgres: private_postgres.Server) -> None:
    """The EMR itself, a database that is not there, and one without the mark."""
    emr = opened(postgres)
    assert isinstance(emr, MappedEmr)
    with pytest.raises(Misconfigured):
        emr.prove("gnuhealth")
    for name in ("nowhere", "postgres"):
        with pytest.raises(Refused) as told:
            emr.prove(name)
        assert told.value.reason == "not-scratch"
    emr.close()


def test_a_mapping_that_tells_nothing_of_a_copy_cannot_be_proved(
    postgres: private_postgres.Server, tmp_path: Path
) -> None:
    """It says which section is missing."""
    path = tmp_path / "m.toml"
    path.write_text(
        (SHIPPED / "gnuhealth.toml").read_text(encoding="utf-8").partition("[scratch]")[0], encoding="utf-8"
    )
    emr = opened(postgres, path)
    assert isinstance(emr, MappedEmr)
    with pytest.raises(Misconfigured) as told:
        emr.prove("copie")
    assert "[scratch]" in str(told.value)
    emr.close()


def test_a_fingerprint_is_of_the_text_and_the_memory(postgres: private_postgres.Server, tmp_path: Path) -> None:
    """A comment more, or a token for a sidecar, asks for another proof; opening connects nothing."""
    changed = tmp_path / "m.toml"
    changed.write_text((SHIPPED / "gnuhealth.toml").read_text(encoding="utf-8") + "#\n", encoding="utf-8")
    emrs = [opened(postgres), opened(postgres), opened(postgres, changed), opened(postgres, memory="token")]
    seen = [emr.unproven() for emr in emrs if isinstance(emr, MappedEmr)]
    assert seen[0] == seen[1]
    assert len(set(seen)) == 3


def test_a_file_that_only_reads_is_no_way_to_book(postgres: private_postgres.Server, tmp_path: Path) -> None:
    """Neither books nor asks for a proof; its grants are for reading."""
    text = (SHIPPED / "gnuhealth.toml").read_text(encoding="utf-8").partition("# ---- Inscrire")[0]
    path = tmp_path / "m.toml"
    path.write_text(text + '[rights]\nread = ["SELECT ON gnuhealth_appointment"]\n', encoding="utf-8")
    emr = opened(postgres, path)
    assert not isinstance(emr, Books)
    assert not isinstance(emr, Proves)
    assert emr.grants() == GRANTS
    found = next(iter(emr.check()))
    assert (found.code, str(path) in str(found.says)) == ("gnuhealth.file", True)
    emr.close()


def test_names_come_from_the_clinics_own_tables(postgres: private_postgres.Server) -> None:
    """People by their labels, also those without a free slot."""
    from adapters.conformance.bench import DAY

    emr = opened(postgres)
    assert "SHA-256" in str(next(iter(emr.check())).says)
    people = {each.code: each.label for each in emr.names(DAY) if each.kind == "practitioner"}
    assert people["101"] == "Gagnon, Anne"
    emr.close()


@pytest.mark.parametrize(
    ("mapping", "connection", "key"),
    [
        ("autre", "DRIVER={PostgreSQL Unicode};SERVER=x;DATABASE=y", "mapping"),
        ("hours-mysql", "DRIVER={PostgreSQL Unicode};SERVER=x;DATABASE=y", "mapping.database"),
        ("gnuhealth", "DRIVER={MariaDB Unicode};SERVER=x;DATABASE=y", "mapping.database"),
        ("hours-mysql", "DRIVER={ODBC Driver 18 for SQL Server};SERVER=x;DATABASE=y", "mapping.database"),
        ("/nowhere/m.toml", "DRIVER={MariaDB Unicode};SERVER=x;DATABASE=y", "mapping"),
    ],
)
def test_a_mapping_meets_the_database_it_is_for(mapping: str, connection: str, key: str) -> None:
    """The driver's name tells the database; an unknown mapping names those there are."""
    with pytest.raises(CreneauError) as told:
        open_(NAME, {"mapping": mapping, "connection": connection, "user": "creneau"}, tools())
    assert isinstance(told.value, Misconfigured)
    assert told.value.key == key


@pytest.mark.parametrize(
    ("mapping", "driver"),
    [
        ("hours-mysql", "MySQL ODBC 8.4"),
        ("hours-sqlserver", "FreeTDS"),
        ("gnuhealth", "psqlODBC"),
        ("/etc/creneau/oscar", "MariaDB Unicode"),
    ],
)
def test_each_driver_leads_to_its_dialect(mapping: str, driver: str) -> None:
    """Nothing is connected; a built-in name may come with the configuration's folder before it."""
    given = {"mapping": Path(mapping), "connection": f"DRIVER={{{driver}}};SERVER=x;DATABASE=y", "user": "creneau"}
    emr = open_(NAME, given, tools())
    assert isinstance(emr, SqlEmr)
    assert "creneau_applied" in emr.grants()
    emr.close()
