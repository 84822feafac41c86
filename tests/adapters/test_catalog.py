"""The catalog names adapters without loading them, and strangers come in by entry point."""

import subprocess
import sys
from pathlib import Path

import pytest

from adapters import catalog, memory
from adapters.conformance import Still, tools
from adapters.sql import factory, sample
from agent.core.errors import Misconfigured
from agent.core.model import EmrName, Window
from agent.ports import Books, Emr, Entry, Option

ROOT = Path(catalog.__file__).parents[1]
HERS = Entry("hers:open_", "", (), books=False)


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a third party's distribution on the path, whose entry points are written by the test."""
    info = tmp_path / "hers-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hers\nVersion: 1.2\n", encoding="utf-8")
    (tmp_path / "hers_catalog.py").write_text(
        "from agent.ports import Entry\nENTRY = Entry('hers:open_', '', (), books=False)\nWRONG = 3\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    return info / "entry_points.txt"


def test_opening_the_catalog_loads_no_adapter_and_no_driver() -> None:
    """A fresh interpreter that imports the catalog has no adapter, no sqlite3 and no pyodbc."""
    code = (
        "import sys, adapters.catalog as c; c.names(); c.find('sql'); "
        "print([m for m in sys.modules if m.startswith('adapters.') and m != 'adapters.catalog' "
        "or m in ('sqlite3', 'pyodbc')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_options_are_whole() -> None:
    """Every option has a sentence; every default fits its kind or is nothing at all; the keys of the example exist."""
    options = [option for entry in catalog.ENTRIES.values() for option in entry.options]
    assert all(option.says for option in options)
    assert all(fits(option) for option in options if option.default is not ...)
    assert {"mapping", "connection", "user"} <= {option.key for option in catalog.ENTRIES["sql"].options}


def fits(option: Option) -> bool:
    if isinstance(option.kind, tuple):
        return option.default in option.kind
    return option.default is None or isinstance(option.default, option.kind)


def test_an_unknown_name_is_nobody() -> None:
    """No entry."""
    assert catalog.find("nobody") is None


def test_a_stranger_comes_in_by_entry_point(stranger: Path) -> None:
    """The entry is theirs; names() lists it."""
    stranger.write_text("[creneau.adapters]\nhers = hers_catalog:ENTRY\n", encoding="utf-8")
    assert catalog.find("hers") == HERS
    assert catalog.names() == ("sql", "fhir", "hl7", "files", "memory", "hers")


def test_a_built_in_name_is_never_replaced(stranger: Path) -> None:
    """A stranger that calls itself sql is not heard."""
    stranger.write_text("[creneau.adapters]\nsql = hers_catalog:ENTRY\n", encoding="utf-8")
    assert catalog.find("sql") is catalog.ENTRIES["sql"]
    assert catalog.names() == ("sql", "fhir", "hl7", "files", "memory")


@pytest.mark.parametrize("target", ["hers_catalog:ABSENT", "absent_module:ENTRY", "hers_catalog:WRONG"])
def test_a_broken_stranger_is_a_fault_with_its_name(stranger: Path, target: str) -> None:
    """What cannot be loaded, or is no entry, is Misconfigured."""
    stranger.write_text(f"[creneau.adapters]\nhers = {target}\n", encoding="utf-8")
    with pytest.raises(Misconfigured, match="hers"):
        catalog.find("hers")


def test_the_factories_open_what_the_catalog_says(tmp_path: Path) -> None:
    """Both entries open an adapter that books; the memory one shares its clinic between objects."""
    sample.make(tmp_path / "c.db", Still().now().utc.date())
    options = {"mapping": "oscar", "connection": f"sqlite:///{tmp_path / 'c.db'}", "user": ""}
    opened: list[Emr] = [
        factory.open_(EmrName("dme"), options, tools()),
        memory.open_(EmrName("essai"), {"clinic": "test-catalog"}, tools()),
    ]
    now = Still().now().utc
    assert [(isinstance(emr, Books), emr.name) for emr in opened] == [(True, "dme"), (True, "essai")]
    assert [emr.slots(Window(now, now)).slots for emr in opened] == [(), ()]
    assert memory.clinic("test-catalog") is memory.clinic("test-catalog")
    for emr in opened:
        emr.close()


def test_an_unknown_mapping_is_a_fault_of_its_key() -> None:
    """Neither built in, nor shipped, nor a file."""
    with pytest.raises(Misconfigured) as told:
        factory.open_(EmrName("dme"), {"mapping": "autre", "connection": "sqlite:///x"}, tools())
    assert told.value.key == "mapping"


@pytest.mark.parametrize("grid", [0, 7, -15, "15"])
def test_a_grid_that_does_not_divide_the_day_is_a_fault_of_its_key(grid: object) -> None:
    """OpenEMR's cells fill the day; any other number was a slip."""
    options = {"mapping": "openemr", "connection": "sqlite:///x", "grid": grid}
    with pytest.raises(Misconfigured) as told:
        factory.open_(EmrName("dme"), options, tools())
    assert told.value.key == "grid"


def test_openemr_opens_with_either_memory() -> None:
    """The sidecar is fenced; a token needs turns, and asks before it writes."""
    rules = []
    for memory_ in ("sidecar", "token"):
        options = {"mapping": "openemr", "connection": "sqlite:///x", "memory": memory_}
        emr = factory.open_(EmrName("dme"), options, tools())
        assert isinstance(emr, Books)
        rules.append((emr.rules.fenced, emr.rules.tombstone, emr.rules.enquire_first))
        emr.close()
    assert rules == [(True, True, False), (False, False, True)]
