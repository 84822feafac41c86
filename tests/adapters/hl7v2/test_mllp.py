"""Framing: whatever the pieces, each message comes out once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.hl7v2.mllp import Framer, TooLong, frame

BODIES = st.lists(st.binary(min_size=1, max_size=40).map(lambda b: b.translate(None, b"\x0b\x1c\r\n")), max_size=6)


@given(BODIES, st.lists(st.integers(1, 30), max_size=30))
def test_any_cut_gives_the_same_messages(bodies: list[bytes], cuts: list[int]) -> None:
    """Several in one read, one over many reads: in order, each once, nothing held back and nothing again."""
    stream = b"".join(frame(body) for body in bodies)
    framer, got, at = Framer(), [], 0
    for cut in [*cuts, len(stream)]:
        got += framer.feed(stream[at : at + cut])
        at += cut
    assert [body.rstrip(b"\r") for body in got] == bodies
    assert not framer.is_inside
    assert framer.dropped == 0


@pytest.mark.parametrize(
    ("stream", "due", "dropped"),
    [
        (b"\x0bA\r\x1c\x0bB\r\x1c\r", [b"A\r", b"B\r"], 0),
        (b"\x0bA\x1c\r\x0bB\x1c\r", [b"A", b"B"], 0),
        (b"noise\x0bA\r\x1c\r more\r\n\x0bB\r\x1c\r", [b"A\r", b"B\r"], 10),
        (b"\x0bhalf\x0bA\r\x1c\r", [b"A\r"], 4),
        (b"\x1c\r\x0bA\r\x1c\r", [b"A\r"], 1),
        (b"\x0b\x1c\r", [b""], 0),
    ],
)
def test_a_sloppy_peer_is_understood(stream: bytes, due: list[bytes], dropped: int) -> None:
    """No CR after 1C, none before it, noise between, a frame begun anew: the rest is whole, the loss is counted."""
    framer = Framer()
    assert framer.feed(stream) == due
    assert framer.dropped == dropped


def test_a_frame_has_a_limit() -> None:
    """One byte less is a message, one more ends the connection; the limit is for one frame, not for the stream."""
    framer = Framer(longest=10)
    for _ in range(5):
        assert framer.feed(b"\x0b0123456789\x1c\r") == [b"0123456789"]
    with pytest.raises(TooLong):
        framer.feed(b"\x0b01234567890")
