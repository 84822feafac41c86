"""docs/connect-oscar.md and docs/connect-openemr.md, followed to the letter on a server where nothing is prepared."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.sql import private, sample
from adapters.sql.openemr.schema import CATEGORIES, SHIPPED
from adapters.sql.openemr_bench import Desk
from agent.clock import SystemClock
from agent.config import write_example
from agent.keys import make_root

DOCS = Path(__file__).parents[3] / "docs"
SECRET = "un mot; de {passe}"


@dataclass(frozen=True)
class Page:
    """A page, the EMR it is about, and words that show that it was read."""

    file: str
    heading: str
    database: private.Database
    seen: tuple[str, str]
    words: tuple[str, ...]

    @property
    def text(self) -> str:
        return (DOCS / self.file).read_text(encoding="utf-8")

    def blocks(self, kind: str) -> list[str]:
        """Return the page's code of a kind, in order."""
        return re.findall(rf"```{kind}\n(.*?)```", self.text, flags=re.DOTALL)

    def commands(self) -> list[str]:
        return [line for block in self.blocks("sh") for line in block.splitlines() if line.startswith("creneau ")]


PAGES = {
    "oscar": Page(
        "connect-oscar.md",
        "# Connecting OSCAR",
        private.OSCAR,
        ("Gagnon", "Clinique du Fjord"),
        (
            "long_codes",
            "creneau_applied",
            "'creneau'@'%'",
            "unixodbc odbc-mariadb",
            'memory = "token"',
            "appointmentType",
        ),
    ),
    "openemr": Page(
        "connect-openemr.md",
        "# Connecting OpenEMR",
        private.OPENEMR,
        ("Côté", "office_visit"),
        (
            "cancelled_frees",
            "creneau_applied",
            "'creneau'@'%'",
            "unixodbc odbc-mariadb",
            'memory = "token"',
            "emr_code",
        ),
    ),
}


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest) -> Page:
    """Lend each page."""
    return PAGES[str(request.param)]


@pytest.fixture
def clinic(page: Page) -> Iterator[private.Server]:
    """Start a server with a clinic's EMR in it and no account of ours."""
    if why := private.missing():
        pytest.skip(why)
    base = page.database
    with private.serving(base, filled=False) as server:
        with closing(server.root()) as root:
            root.execute(f"CREATE DATABASE {base.name} CHARACTER SET {base.charset}")
            root.execute(f"CREATE USER {private.DESK}@localhost IDENTIFIED BY '{private.DESK_PASSWORD}'")
            root.execute(f"GRANT ALL ON {base.name}.* TO {private.DESK}@localhost")
        with closing(server.root(base.name)) as root:
            for table in base.tables:
                root.execute(table)
        yield server


def people(server: private.Server, start: date, folder: Path) -> None:
    """Let people work in the clinic."""
    if server.database is private.OSCAR:
        path = folder / "modele.db"
        sample.make(path, start)
        rows = sample.tables(path)
        rows.pop("creneau_applied", None)
        server.load(rows)
        return
    desk = Desk(server)
    with desk.base() as base:
        base.execute("INSERT INTO users(id, fname, lname, authorized, calendar) VALUES(101, 'Zoé', 'Côté', 1, 1)")
        for number, word, seconds, kind in SHIPPED:
            base.execute(f"{CATEGORIES} VALUES(?, ?, ?, ?, ?)", (number, word, word, seconds, kind))
    for hour, category in ((0, 2), (23, 3)):
        desk.event("101", datetime.combine(start, time(hour)), 0, category)


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


def test_the_page_leads_to_a_working_connection(page: Page, clinic: private.Server, tmp_path: Path) -> None:
    """File, rights, password, check, list: each step of the page, in its order, with only the port added."""
    start = SystemClock().now().utc.date()
    people(clinic, start, tmp_path)
    section: dict[str, Any] = tomllib.loads(page.blocks("toml")[0])["emr"][0]
    answers: dict[str, object] = {f"emr.{key}": value for key, value in section.items()}
    answers["emr.connection"] = f"{section['connection']};PORT={clinic.port}"
    answers |= {"service.data_dir": str(tmp_path / "etat"), "hub.url": "https://127.0.0.1:1"}
    write_example(tmp_path / "creneau.toml", {**answers, "sharing.expires": start + timedelta(days=300)})
    make_root(tmp_path / "etat")

    grants, secret, check, listing = page.commands()
    assert run(tmp_path, check)[0] != 0, "nothing is allowed yet"
    assert run(tmp_path, grants)[0] == 0
    create, source = page.blocks("sql")[0].splitlines()
    with closing(clinic.root(clinic.database.name)) as root:
        root.execute(create.replace("…", SECRET).removesuffix(";"))
        private.run(root, (tmp_path / source.split()[1].removesuffix(";")).read_text(encoding="utf-8"))
    assert run(tmp_path, secret, SECRET)[0] == 0
    code, said = run(tmp_path, check)
    assert (code, "free slots in the next 14 days" in said, "creneau_applied is there" in said) == (0, True, True), said
    code, said = run(tmp_path, listing)
    assert (code, [word in said for word in page.seen]) == (0, [True, True]), said
    assert SECRET not in (tmp_path / "creneau.toml").read_text(encoding="utf-8")


def test_both_halves_of_the_page_name_the_same_commands_and_keys(page: Page) -> None:
    """What the French half tells to run or write, the English half names too."""
    french, _, english = page.text.partition(page.heading)
    for line in (*page.commands(), *page.words):
        assert line in english, line
        assert line in french, line
