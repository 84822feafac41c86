"""Who wins when the desk and the agent want one time, for every shipped mapping."""

import os
from collections.abc import Callable
from typing import Any

from adapters.conformance.bench import MINE, at, book, cells
from adapters.sql.emr import SqlEmr
from adapters.sql.mapped.bench import DOING, MappedBench
from adapters.sql.mapped.races import WHENS, races
from adapters.sql.write import Point
from agent.core.booking import Effect, Outcome

RUNS = -(-int(os.environ.get("CRENEAU_RACES", "24")) // len(WHENS))
"""Of each of the three habits; `make races` runs a thousand in all."""
TAKE_OVER = {
    "gnuhealth": "UPDATE gnuhealth_appointment SET patient = 7, comments = 'Manon' WHERE state = 'confirmed'",
    "hours": "UPDATE appointments SET patient_id = 1, made_by = 'manon' WHERE status = 'booked'",
}


def test_hers_stands_alone_whenever_she_saves(copy: MappedBench) -> None:
    """She saves before our check, while we hold our lock, or right after our commit: hers stands, ours never does."""
    told = list(races(copy, RUNS))
    assert [one.name for one in told if one.kept] == [f"race: the desk saves {when}" for when in WHENS], told


def test_a_row_she_takes_over_after_our_commit_is_hers(copy: MappedBench) -> None:
    """Staff put another patient and mark on our very row before our last look: never booked, and the row stays as it is."""

    def take_over() -> None:
        with copy._desk.writing(DOING) as work:
            assert work.change(TAKE_OVER[copy.file.name]) == 1

    emr = copy.at(Point.COMMITTED, take_over)
    effect = book(emr, at(emr, 9))
    due = (
        Outcome.CONFLICT if copy.mode == "sidecar" else Outcome.CHECKING
    )  # with the mark the token is gone: ask a person
    assert (effect.outcome, effect.ref) == (due, None)
    assert [row.ours for row in copy.appointments()] == [False]
    emr.close()


def test_without_the_last_look_the_same_race_double_books(copy: MappedBench) -> None:
    """She saves right after our commit and nobody looks again: two stand, so the races above can fail."""
    emr = copy.adapter()
    slot = at(emr, 9)

    def blind(*_: object) -> Effect:
        copy.book(cells(9)[0])
        return Effect(MINE, 1, Outcome.BOOKED)

    emr._writer._settle = blind  # type: ignore[method-assign]
    book(emr, slot)
    assert len(copy.appointments()) == 2
    emr.close()


def test_without_the_freeze_the_check_sees_too_little(copy: MappedBench) -> None:
    """No frozen table, no row lock, no last look: an unsaved booking of hers is not seen, and both stand."""
    kept = {one.name.split()[-1]: one.kept for one in races(_unlocked(copy), 1)}
    assert (kept["during"], kept["after"]) == (False, False)  # before: she may have saved in time to be seen


def _unlocked(copy: MappedBench) -> MappedBench:
    """Return the bench with an adapter that neither locks nor looks again."""
    real = copy.stepped

    def stepped(pause: Callable[[Point], None], dialect: Any = None) -> SqlEmr:
        way = dialect or copy.agent()
        way.freeze = lambda _table: ""
        way.locked = lambda sql: sql
        emr = real(pause, way)
        writer: Any = emr._writer
        writer._settle = lambda known: Effect(known.booking, 1, Outcome.BOOKED)
        return emr

    copy.stepped = stepped  # type: ignore[method-assign]
    return copy
