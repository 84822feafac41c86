"""Whole lives of a clinic and its hub: trouble, then peace, and both sides must tell the same truth.

A failure prints its seed, the commit and the one line that replays it.
"""

import logging
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.memory import MemoryEmr
from tests.sim.__main__ import live, replay

FIXED = range(1, 17)
FRESH = 3


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Silence the legs, which log every lost answer."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def _lives(seed: int, folder: Path) -> None:
    try:
        live(seed, folder)
    except BaseException:
        print(replay(seed))
        raise


@pytest.mark.parametrize("seed", FIXED)
def test_after_any_trouble_hub_and_emr_agree(tmp_path: Path, seed: int) -> None:
    """No appointment twice, none lost; each word to a patient is true; the hub offers what the rules allow."""
    _lives(seed, tmp_path)


@pytest.mark.parametrize("nth", range(FRESH))
def test_so_they_do_with_a_seed_nobody_chose(tmp_path: Path, nth: int) -> None:
    """Each run also lives lives it has never lived before."""
    _lives(secrets.randbelow(10**6) + 1000, tmp_path)


def test_the_oracle_sees_an_adapter_that_forgets_what_it_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the sidecar's memory the same lives end in an untrue word or a second appointment."""
    whole = MemoryEmr.write

    def forgetful(self: MemoryEmr, write: object) -> object:
        self._clinic.applied.pop(write.booking, None)  # type: ignore[attr-defined]
        return whole(self, write)  # type: ignore[arg-type]

    monkeypatch.setattr(MemoryEmr, "write", forgetful)
    for seed in FIXED:
        folder = tmp_path / str(seed)
        folder.mkdir()
        try:
            live(seed, folder)
        except AssertionError:
            return
    pytest.fail("no life was harmed")
