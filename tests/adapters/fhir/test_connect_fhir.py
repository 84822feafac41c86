"""docs/connect-fhir.md against the code it speaks of."""

import re
import tomllib
from pathlib import Path

import pytest

import agent
from adapters.catalog import ENTRIES
from adapters.conformance import NAME, tools
from adapters.fhir.factory import guide_of, open_

FILE = Path(agent.__file__).parents[1] / "docs" / "connect-fhir.md"
pytestmark = pytest.mark.skipif(not FILE.exists(), reason="only on a checkout: a copy beside a wheel has no documents")


def test_the_pages_example_opens() -> None:
    """The section of the page is one the adapter takes, and connects nothing by it."""
    block = re.search(r"```toml\n(.*?)```", FILE.read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    (section,) = tomllib.loads(block[1])["emr"]
    options = {key: value for key, value in section.items() if key not in ("id", "adapter")}
    assert set(options) <= {option.key for option in ENTRIES["fhir"].options}
    emr = open_(NAME, options, tools())
    assert emr.name == NAME
    emr.close()


def test_the_pages_guide_written_out_is_the_one_named() -> None:
    """What the page shows of France's guide is what the word `sas` stands for."""
    blocks = re.findall(r"```toml\n(.*?)```", FILE.read_text(encoding="utf-8"), re.DOTALL)
    options = tomllib.loads(blocks[1])
    written, named = guide_of(options), guide_of({"guide": "sas"})
    assert (written.mime, written.search, written.by_name) == (named.mime, named.search, named.by_name)
    assert set(options) <= {option.key for option in ENTRIES["fhir"].options}


def test_the_page_tells_of_both_tables_in_both_languages() -> None:
    """As many rows and facts in French as in English."""
    french, english = FILE.read_text(encoding="utf-8").split("# Connecting an EMR that speaks FHIR")
    tables = [
        re.findall(r"^\| (?:le serveur|the server)….*?\n\n", half, re.DOTALL | re.MULTILINE)
        for half in (french, english)
    ]
    assert [len(found[0].splitlines()) for found in tables] == [15, 15]


def test_the_page_names_every_option() -> None:
    """Whatever clinic IT may write is said there."""
    text = FILE.read_text(encoding="utf-8")
    assert [option.key for option in ENTRIES["fhir"].options if f"`{option.key}`" not in text] == ["server"]
