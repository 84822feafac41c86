"""docs/connect-fhir.md against the code it speaks of."""

import re
import tomllib
from pathlib import Path

import pytest

import agent
from adapters.catalog import ENTRIES
from adapters.conformance import NAME, tools
from adapters.fhir.factory import open_

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


def test_the_page_names_every_option() -> None:
    """Whatever clinic IT may write is said there."""
    text = FILE.read_text(encoding="utf-8")
    assert [option.key for option in ENTRIES["fhir"].options if f"`{option.key}`" not in text] == ["server"]
