"""docs/connect-hl7.md and docs/connect-files.md: what they tell people to write is read, and opens the source."""

import re
from pathlib import Path

import pytest

from adapters import conformance
from adapters.catalog import ENTRIES
from adapters.files import open_ as open_files
from adapters.hl7v2 import open_ as open_hl7
from agent.config import read_plan
from agent.ports import Books

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="only on a checkout: a copy beside a wheel has no documents")
OPEN = {"hl7": open_hl7, "files": open_files}


def blocks(name: str) -> list[str]:
    """Return the page's TOML, in order."""
    return re.findall(r"```toml\n(.*?)```", (DOCS / name).read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize(("name", "books"), [("connect-hl7.md", True), ("connect-files.md", False)])
def test_the_page_opens_a_source(name: str, books: bool, tmp_path: Path) -> None:
    """Each section with what the page adds to it; every option the page names exists."""
    first, *more = blocks(name)
    example = (ROOT / "config.example.toml").read_text(encoding="utf-8")
    start, end = example.index("[[emr]]"), example.index("[[site]]")
    site = example[end:].replace('"dme"', '"export"') if not books else example[end:]
    for added in ("", *more):
        file = tmp_path / "creneau.toml"
        file.write_text(example[:start] + first + added + "\n" + site, encoding="utf-8")
        (plan,) = read_plan(file, ENTRIES).emrs
        source = OPEN[plan.adapter](plan.id, plan.options, conformance.tools())
        assert isinstance(source, Books) is (books and "srm = {" in added)
        source.close()


@pytest.mark.parametrize("name", ["connect-hl7.md", "connect-files.md"])
def test_every_option_of_the_tables_exists_with_its_default(name: str) -> None:
    """A page never names a key that is not there, nor another default."""
    adapter = {"connect-hl7.md": "hl7", "connect-files.md": "files"}[name]
    options = {option.key for option in ENTRIES[adapter].options}
    text = (DOCS / name).read_text(encoding="utf-8")
    rows = [row.split("|")[1] for row in text.splitlines() if row.startswith("| `")]
    named = {word for cell in rows for word in re.findall(r"`([a-z_]+)`", cell)}
    assert named
    assert named <= options
