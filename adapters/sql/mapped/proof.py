"""The proof of a mapping file on a scratch copy: every promise of the kit, then the races.

Rule: the very kit that every adapter of ours must pass, on the very server; nothing is left out for a stranger.
"""

from collections.abc import Callable, Iterator

from adapters.conformance import PROMISES, Broken, Promise
from adapters.sql.dialect import Dialect
from adapters.sql.mapped.bench import MappedBench
from adapters.sql.mapped.file import MappingFile
from adapters.sql.mapped.races import races
from agent.core.errors import CreneauError
from agent.ports import Proved

RUNS = 32
"""Races of each kind."""


def tried(file: MappingFile, way: Callable[[], Dialect], mode: str) -> Iterator[Proved]:
    """Yield promise after promise, race after race, as each ends. `way`: an account that may do what the screens do."""
    bench = MappedBench(file, way, way, mode)
    try:
        for promise in PROMISES:
            yield _one(promise, bench)
        yield from races(bench, RUNS)
    finally:
        bench.close()


def _one(promise: Promise, bench: MappedBench) -> Proved:
    try:
        held = promise.holds(bench)
    except (Broken, CreneauError) as error:
        return Proved(promise.name, kept=False, says=str(error))
    return Proved(promise.name, kept=True if held else None)
