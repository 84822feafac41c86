"""The conformance kit on a folder of exports: the promises of reading."""

from pathlib import Path

from adapters import conformance
from adapters.files.bench import FilesBench
from agent.ports import Books, Listens

test_promises = conformance.suite(FilesBench, lacks={"books"})


def test_it_only_reads(tmp_path: Path) -> None:
    """So its slots are requests and its orders become tasks."""
    source = FilesBench(tmp_path).adapter()
    assert isinstance(source, Listens)
    assert not isinstance(source, Books)
