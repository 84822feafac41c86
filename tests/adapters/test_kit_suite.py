"""The pytest function that an adapter's author gets."""

from collections.abc import Collection
from pathlib import Path

import pytest

from adapters import conformance
from adapters.memory.bench import MemoryBench
from adapters.memory.emr import MemoryEmr


class Reads:
    """An adapter that only reads."""

    def __init__(self, emr: MemoryEmr) -> None:
        self.name, self.slots, self.check, self.close = emr.name, emr.slots, emr.check, emr.close


class ReadingBench(MemoryBench):
    """A clinic whose adapter only reads."""

    def adapter(self) -> Reads:  # type: ignore[override]
        """Return it."""
        return Reads(super().adapter())


def cases(bench: type[MemoryBench], lacks: Collection[str], folder: Path) -> dict[str, str]:
    """Return each case of the suite and what it says when it fails."""
    test = conformance.suite(bench, lacks=lacks)
    (marked,) = test.pytestmark  # type: ignore[attr-defined]
    told = {}
    for case in marked.args[1]:
        try:
            test(*case.values, folder)
        except conformance.Broken as broken:
            told[str(case.id)] = str(broken).partition("\n")[0]
        else:
            told[str(case.id)] = ""
    return told


def test_each_promise_it_makes_is_a_case_and_each_ability_it_lacks_another(tmp_path: Path) -> None:
    """None is skipped: what is left out is said, once a word."""
    told = cases(ReadingBench, {"books", "agenda", "names"}, tmp_path)
    assert set(told.values()) == {""}
    left_out = {name.removeprefix("lacks-") for name in told if name.startswith("lacks-")}
    assert left_out == {promise.needs for promise in conformance.PROMISES} - {""}
    assert len(told) == len(left_out) + sum(not promise.needs for promise in conformance.PROMISES)


def test_an_ability_lost_by_accident_fails(tmp_path: Path) -> None:
    """An adapter that stopped being one that books is not judged by its reading alone."""
    told = cases(ReadingBench, {"agenda", "names"}, tmp_path)
    assert {text for text in told.values() if text} >= {"books: lost; or say lacks="}


@pytest.mark.parametrize("word", ["books", "names"])
def test_an_ability_nobody_judges_fails(word: str, tmp_path: Path) -> None:
    """What the adapter has may not be said to be absent."""
    assert cases(MemoryBench, {word}, tmp_path)[f"lacks-{word}"] == f"{word}: is there; do not say lacks="
