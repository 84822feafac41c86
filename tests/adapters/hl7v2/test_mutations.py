"""Spoilt messages: nothing crashes, nothing invents a time, nothing is accepted that is not kept.

A few thousand cases here; CRENEAU_CASES=200000 asks for as many as one has time for.
"""

import importlib.util
import os
import random
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters import conformance
from adapters.conformance import SITE
from adapters.er7 import Terms
from adapters.hl7v2.ack import read_ack
from adapters.hl7v2.intake import Intake
from adapters.hl7v2.mllp import Framer

CASES = int(os.environ.get("CRENEAU_CASES", "2000"))
HERE = Path(__file__).parents[1] / "er7"


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("er7_mutate", HERE / "mutate.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


MUTATE = _load()


@settings(max_examples=CASES, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(MUTATE.FILES), st.integers(0, 2**63))
def test_no_accident_crashes_the_reader_or_makes_a_time_up(body: bytes, seed: int) -> None:
    """Cut, glued, mixed, in other letters and line ends, with other digits: refused, or read from what stands there."""
    spoilt = MUTATE.spoil(body, random.Random(seed))
    MUTATE.holds(spoilt)
    for each in MUTATE.bodies(spoilt):
        MUTATE.holds(each)


@pytest.mark.parametrize("body", MUTATE.FILES)
def test_cut_at_any_byte_it_never_gives_another_time(body: bytes) -> None:
    """The half of a message is refused or says what the whole says."""
    whole = [MUTATE.holds(each) for each in MUTATE.bodies(body)]
    due = {one.timing.start for one in whole if one is not None and one.timing is not None}
    for end in range(len(body)):
        half = MUTATE.holds(body[:end])
        if half is not None and half.timing is not None and due:
            assert half.timing.start in due
            assert {half.filler, half.placer} <= {name for one in whole if one for name in (one.filler, one.placer)}


@settings(max_examples=max(CASES // 4, 300), suppress_health_check=list(HealthCheck))
@given(st.sampled_from(MUTATE.FILES), st.integers(0, 2**63))
def test_whatever_is_accepted_is_kept(body: bytes, seed: int) -> None:
    """AA and CA only for what the store has, byte for byte; and always at most one answer of each kind."""
    spoilt = MUTATE.spoil(body, random.Random(seed))
    tools = conformance.tools()
    reply = Intake(tools.raw, Terms((SITE,)), tools.clock, tools.dice).take(spoilt)
    words = [read_ack(each).word for each in Framer().feed(reply)]
    assert len(words) <= 2
    if {"AA", "CA"} & set(words):
        assert [message.body for _, message in tools.raw.unread(10)] == [spoilt]
