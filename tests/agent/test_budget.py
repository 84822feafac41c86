"""What a process of ours may load: memory at rest is a promise, and it is kept by counting modules, not megabytes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.cli.run import WORDS
from agent.cli.table import COMMANDS

ROOT = Path(__file__).parents[2]

SCREEN = ("typer", "pydantic", "pydantic_core", "rich", "pygments", "markdown_it", "click", "shellingham")
"""The command line: typer reads options with pydantic and draws with rich; httpx has one of its own (click, rich)."""
LOOPS = ("trio", "uvicorn")
"""The agent is threads and one stop event."""
STRANGERS = ("sqlalchemy", "fastapi", "starlette", "hub", "fhir", "msgspec", "hl7apy", "requests")
"""Parts of the hub, of other adapters, and of what was left out for its size."""
UNASKED = (
    *("agent.answers.exposure", "agent.answers.ledger", "agent.answers.preview", "agent.answers.status"),
    *("agent.wiring.backup", "agent.wiring.joining", "agent.wiring.machine", "agent.desk.minute"),
)
"""What only a question of the command line, or an option of the file, needs."""
OTHERS = ("adapters.sql.mapped", "adapters.sql.mariadb", "adapters.sql.openemr", "adapters.sql.oscar", "sqlite3")
"""The ways into an EMR that the clinic's own connection and mapping do not name."""
COPIES = ("importlib_metadata.compat", "zipp", "email.headerregistry")
"""What keyring brings along before Python 3.12: a copy of the standard library's importlib.metadata."""
TOOLS = ("pytest", "babel", "setuptools", "pkg_resources", "unittest", "doctest")

RUNS = """
from dataclasses import replace
from types import SimpleNamespace
from agent.cli import REAL, main
from agent.wiring.catalog import entries
import adapters.sql.factory, agent.hublink.faults, agent.hublink.lines, agent.wiring, tenacity

def start(plan):
    entries()
    raise KeyboardInterrupt

plan = SimpleNamespace(service=SimpleNamespace(log_level="error"))
code = main(["run"], replace(REAL, read=lambda file: plan, start=start))
assert code == 130, code
"""
"""Everything a started agent with a database source imports, by the same way in; what cannot start here is imported."""


def loaded(code: str) -> set[str]:
    """Return the modules of a fresh interpreter that ran `code`, whole names and the packages they are in."""
    env = {**os.environ, "LC_ALL": "en_CA.UTF-8"}
    tail = "\nimport sys\nprint('', *(name for name, module in sys.modules.items() if module), sep='\\n=')\n"
    done = subprocess.run(
        [sys.executable, "-c", code + tail], capture_output=True, text=True, check=False, cwd=ROOT, env=env
    )
    assert done.returncode == 0, done.stderr
    names = {line[1:] for line in done.stdout.splitlines() if line.startswith("=")}
    return names | {name.partition(".")[0] for name in names}


@pytest.fixture(scope="module")
def agent() -> set[str]:
    """Return what the running agent has loaded."""
    return loaded(RUNS)


def test_the_agent_holds_what_it_works_with(agent: set[str]) -> None:
    """The list below means something: the way to the hub, the journal, the vault and the legs are loaded."""
    assert {"httpx", "apsw", "joserfc", "tenacity", "agent.legs.apply", "agent.keys.vault", "agent.answers"} <= agent


@pytest.mark.parametrize(
    "absent",
    [SCREEN, LOOPS, STRANGERS, UNASKED, OTHERS, COPIES, ("pyodbc",)],
    ids=["screen", "loops", "strangers", "unasked", "others", "copies", "odbc"],
)
def test_the_agent_holds_nothing_it_does_not_need(agent: set[str], absent: tuple[str, ...]) -> None:
    """Each of these rows costs 0.5 to 25 MB at rest on every clinic's machine."""
    assert sorted(agent & set(absent)) == []


def test_the_fhir_adapter_holds_no_models_of_fhir() -> None:
    """A clinic on FHIR has msgspec; fhir.resources and pydantic come only with `validate`, which is off."""
    code = """
from adapters.conformance import tools
from adapters.fhir.factory import open_
open_("dme", {"server": "https://dme.example.org/fhir"}, tools()).close()
"""
    found = loaded("import sys\nsys.modules['httpx._main'] = None\n" + code)
    assert "msgspec" in found
    assert sorted(found & {"fhir", "pydantic", "pydantic_core", "keyring"}) == []


def test_the_agent_holds_no_tool() -> None:
    """With its catalogues compiled, as in a package, nothing of development is loaded either."""
    compiled = "import sys\nsys.modules['babel'] = sys.modules['babel.messages.mofile'] = None\n"
    assert sorted(loaded(compiled + RUNS) & set(TOOLS)) == []


def test_the_command_line_holds_no_machinery() -> None:
    """`creneau --help` answers at once: no driver, no cryptography, no HTTP, no screen library."""
    heavy = {"httpx", "apsw", "joserfc", "cryptography", "tenacity", "rich", "pydantic", "agent.wiring", "agent.config"}
    found = loaded("from agent.cli import main\nassert main(['--help', '--lang', 'en']) == 0\n")
    assert sorted(found & (heavy | set(LOOPS) | set(STRANGERS) | {"pyodbc"})) == []


def test_the_agent_starts_by_the_words_of_the_table() -> None:
    """What starts without typer is what the table calls `run`, in both languages."""
    (command,) = [command for command in COMMANDS if command.words == "run"]
    assert sorted(WORDS) == sorted([[command.words], [command.alias]])
