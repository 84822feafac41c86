"""docs/connect-oscar.md, followed to the letter on a server where nothing is prepared."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from adapters.sql import mariadb_schema, private, sample
from agent.clock import SystemClock
from agent.config import write_example
from agent.keys import make_root

PAGE = (Path(__file__).parents[3] / "docs" / "connect-oscar.md").read_text(encoding="utf-8")
SECRET = "un mot; de {passe}"


def blocks(kind: str) -> list[str]:
    """Return the page's code of a kind, in order."""
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture
def clinic() -> Iterator[private.Server]:
    """Start a server with a clinic's OSCAR in it and no account of ours."""
    if why := private.missing():
        pytest.skip(why)
    with private.serving(filled=False) as server:
        with closing(server.root()) as root:
            root.execute("CREATE DATABASE oscar CHARACTER SET utf8mb3")
        with closing(server.root("oscar")) as root:
            for table in mariadb_schema.TABLES:
                root.execute(table)
        yield server


def run(folder: Path, line: str, typed: str = "") -> tuple[int, str]:
    """Run one line of the page with our interpreter, in the folder; return exit code and output."""
    words, _, file = line.removeprefix("creneau ").partition(" > ")
    done = subprocess.run(
        [sys.executable, "-m", "agent", "--lang", "en", "--config", str(folder / "creneau.toml"), *words.split()],
        input=f"{typed}\n".encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    said = done.stdout.decode()
    if file:
        (folder / file.strip()).write_text(said, encoding="utf-8")
    return done.returncode, said + done.stderr.decode()


def commands() -> list[str]:
    return [line for block in blocks("sh") for line in block.splitlines() if line.startswith("creneau ")]


def test_the_page_leads_to_a_working_connection(clinic: private.Server, tmp_path: Path) -> None:
    """File, rights, password, check, list: each step of the page, in its order, with only the port added."""
    start = SystemClock().now().utc.date()
    path = tmp_path / "modele.db"
    sample.make(path, start)
    rows = sample.tables(path)
    rows.pop("creneau_applied", None)
    clinic.load(rows)
    section: dict[str, Any] = tomllib.loads(blocks("toml")[0])["emr"][0]
    answers: dict[str, object] = {f"emr.{key}": value for key, value in section.items()}
    answers["emr.connection"] = f"{section['connection']};PORT={clinic.port}"
    answers |= {"service.data_dir": str(tmp_path / "etat"), "hub.url": "https://127.0.0.1:1"}
    write_example(tmp_path / "creneau.toml", {**answers, "sharing.expires": start.replace(year=start.year + 1)})
    make_root(tmp_path / "etat")

    grants, secret, check, listing = commands()
    assert run(tmp_path, check)[0] != 0, "nothing is allowed yet"
    assert run(tmp_path, grants)[0] == 0
    create, source = blocks("sql")[0].splitlines()
    with closing(clinic.root("oscar")) as root:
        root.execute(create.replace("…", SECRET).removesuffix(";"))
        private.run(root, (tmp_path / source.split()[1].removesuffix(";")).read_text(encoding="utf-8"))
    assert run(tmp_path, secret, SECRET)[0] == 0
    code, said = run(tmp_path, check)
    assert (code, "free slots in the next 14 days" in said, "creneau_applied is there" in said) == (0, True, True), said
    code, said = run(tmp_path, listing)
    assert (code, "Gagnon" in said, "Clinique du Fjord" in said) == (0, True, True), said
    assert SECRET not in (tmp_path / "creneau.toml").read_text(encoding="utf-8")


def test_both_halves_of_the_page_name_the_same_commands_and_keys() -> None:
    """What the French half tells to run or write, the English half names too."""
    english = PAGE.partition("# Connecting OSCAR")[2]
    for line in (*commands(), "long_codes", "creneau_applied", "'creneau'@'%'", "unixodbc odbc-mariadb"):
        assert line in english, line
