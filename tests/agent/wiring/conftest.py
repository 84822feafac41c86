"""A real hub and a real sample clinic in one process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.wiring.sample import Sample


@pytest.fixture
def sample(tmp_path: Path) -> Iterator[Sample]:
    """Lend clinic and hub; the agent is not enrolled and not started."""
    with Sample(tmp_path) as made:
        yield made
