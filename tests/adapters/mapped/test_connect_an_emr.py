"""docs/connect-an-emr.md, followed to the letter on a PostgreSQL server where nothing is prepared."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.sql import private, private_postgres
from adapters.sql.mapped.file import SHIPPED
from adapters.sql.mapped.made import GNUHEALTH
from agent.clock import SystemClock
from agent.config import write_example
from agent.keys import make_root

PAGE = (Path(__file__).parents[3] / "docs" / "connect-an-emr.md").read_text(encoding="utf-8")
FREE = """INSERT INTO gnuhealth_appointment(healthprof, appointment_type, appointment_date, appointment_date_end, state)
VALUES(101, 'outpatient', ?, ?, 'free')"""


def blocks(kind: str) -> list[str]:
    """Return the page's code of a kind, in order."""
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, flags=re.DOTALL)


def commands() -> list[str]:
    return [line for block in blocks("sh") for line in block.splitlines() if line.startswith("creneau ")]


@pytest.fixture
def clinic() -> Iterator[private_postgres.Server]:
    """Start a server with a clinic's GNU Health in it, a copy beside it, and an account without a right."""
    if why := private_postgres.missing():
        pytest.skip(why)
    with private_postgres.serving() as server:
        server.database("gnuhealth", GNUHEALTH)
        server.database("copie_dme", GNUHEALTH)
        yield server


def run(folder: Path, line: str, typed: str = "") -> tuple[int, str]:
    """Run one line of the page with our interpreter, in the folder; return exit code and output."""
    words, _, file = line.removeprefix("creneau ").partition(" > ")
    done = subprocess.run(
        [sys.executable, "-m", "agent", "--lang", "en", "--config", str(folder / "creneau.toml"), *words.split()],
        input=f"{typed}\n".encode(),
        capture_output=True,
        timeout=240,
        check=False,
        cwd=folder,
    )
    said = done.stdout.decode()
    if file:
        (folder / file.strip()).write_text(said, encoding="utf-8")
    return done.returncode, said + done.stderr.decode()


def configure(folder: Path, server: private_postgres.Server) -> None:
    """Write the page's file, with the port added."""
    section: dict[str, Any] = tomllib.loads(blocks("toml")[1])["emr"][0]
    answers: dict[str, object] = {f"emr.{key}": value for key, value in section.items()}
    answers["emr.connection"] = f"{section['connection']};PORT={server.port}"
    answers |= {"emr.bookings": "automatic", "service.data_dir": str(folder / "etat")}
    answers |= {"hub.url": "https://127.0.0.1:1"}
    soon = SystemClock().now().utc.date() + timedelta(days=300)
    write_example(folder / "creneau.toml", {**answers, "sharing.expires": soon})
    make_root(folder / "etat")
    (folder / "mon-dme.toml").write_text((SHIPPED / "gnuhealth.toml").read_text(encoding="utf-8"), encoding="utf-8")


def test_the_page_leads_from_a_file_to_a_proof(clinic: private_postgres.Server, tmp_path: Path) -> None:
    """File, rights, password, trial, proof: each step of the page, in its order, with only the port added."""
    configure(tmp_path, clinic)
    start = SystemClock().now().utc.replace(minute=0, second=0, microsecond=0, tzinfo=None) + timedelta(days=3)
    with closing(clinic.screens("gnuhealth")) as desk:
        desk.execute(FREE, start, start + timedelta(minutes=15))
    grants, secret, trial, check, prove = commands()

    assert run(tmp_path, grants)[0] == 0
    rights = (tmp_path / "droits.sql").read_text(encoding="utf-8")
    with closing(clinic.screens("gnuhealth")) as desk:
        private.run(desk, rights)
    assert run(tmp_path, secret, private.PASSWORD)[0] == 0
    code, said = run(tmp_path, trial)
    assert (code, "1 free slots" in said, "Gagnon, Anne" in said, "outpatient" in said) == (0, True, True, True), said
    code, said = run(tmp_path, check)
    assert (code, "they stay tasks" in said, "creneau_applied is there" in said) == (1, True, True), said

    assert run(tmp_path, f"{prove} --yes")[0] == 1, "the copy is not marked"
    with closing(clinic.screens("copie_dme")) as desk:
        private.run(desk, rights)
        desk.execute(blocks("sql")[0].strip().removesuffix(";"))
        desk.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO creneau")
        desk.execute("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO creneau")
    code, said = run(tmp_path, prove.replace("copie_dme", "gnuhealth") + " --yes")
    assert (code, "no other database" in said) == (1, True), said
    code, said = run(tmp_path, f"{prove} --yes")
    assert (code, "Automatic bookings may begin" in said, "race: the desk saves during" in said) == (0, True, True), (
        said
    )
    assert "BROKEN" not in said
    code, said = run(tmp_path, check)
    assert (code, "were proved on copie_dme" in said) == (0, True), said
    with closing(clinic.screens("gnuhealth")) as desk:
        assert desk.execute("SELECT COUNT(*) FROM gnuhealth_appointment").fetchone()[0] == 1, (
            "the EMR itself is untouched"
        )

    mapping = tmp_path / "mon-dme.toml"
    mapping.write_text(mapping.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    code, said = run(tmp_path, check)
    assert (code, "not what was proved" in said) == (1, True), said


def test_a_faulty_mapping_is_told_whole(tmp_path: Path) -> None:
    """Every fault with its line and hint, before anything is connected."""
    server = private_postgres.Server(tmp_path)
    server.port = 1
    configure(tmp_path, server)
    mapping = tmp_path / "mon-dme.toml"
    text = mapping.read_text(encoding="utf-8").replace('"utc" ', '"moon"').replace("[see]", "[sees]")
    mapping.write_text(text, encoding="utf-8")
    code, said = run(tmp_path, "creneau emr try")
    line = text[: text.index('"moon"')].count("\n") + 1
    assert (code, f"mon-dme.toml:{line}, mapping.clock = moon" in said, "[see] is missing" in said) == (
        1,
        True,
        True,
    ), said
    code, said = run(tmp_path, "creneau check emr")
    assert (code, "mapping.clock" in said, "did you mean" in said) == (1, True, True), said


def test_both_halves_of_the_page_name_the_same_commands_and_keys() -> None:
    """What the French half tells to run or write, the English half names too."""
    english = PAGE.partition("# Connecting another EMR")[2]
    words = (
        "permission",
        "creneau_applied",
        'memory = "token"',
        "CREATE TABLE creneau_scratch(n INT);",
        "odbc-postgresql",
    )
    for line in (*commands(), *words):
        assert line in english, line
