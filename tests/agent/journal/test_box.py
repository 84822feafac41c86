"""The box: AES-256-GCM, one place a value.

Rule: keys here are made up.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.errors import Misconfigured
from agent.journal.box import DataBox, place

KEY = bytes(range(32))


@given(st.binary(max_size=200), st.text(max_size=20))
@settings(max_examples=50, deadline=None)
def test_what_was_shut_opens_in_its_place_only(clear: bytes, row: str) -> None:
    """The same key and place give it back; another place or another key do not."""
    box, here = DataBox(KEY), place("orders", "patient", row)
    shut = box.shut(clear, here)
    assert box.open(shut, here) == clear
    assert clear == b"" or clear not in shut[:12] or len(clear) < 4
    for other, there in ((box, place("orders", "patient", row + "x")), (DataBox(bytes(32)), here)):
        with pytest.raises(Misconfigured):
            other.open(shut, there)


def test_equal_values_are_shut_differently() -> None:
    """Every value has a nonce of its own."""
    box = DataBox(KEY)
    assert box.shut(b"same", b"p") != box.shut(b"same", b"p")


@pytest.mark.parametrize("shut", [b"", b"short", bytes(28)])
def test_a_broken_value_is_refused(shut: bytes) -> None:
    """Too short or changed bytes never open."""
    with pytest.raises(Misconfigured):
        DataBox(KEY).open(shut, b"p")


def test_a_key_has_32_bytes() -> None:
    """Another length is a programming error."""
    with pytest.raises(ValueError, match="32"):
        DataBox(b"short")
