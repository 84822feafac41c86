"""Cut a stream of bytes into frames (MLLP, HL7 v2 Implementation Guide appendix C): no socket, no clock.

Rule: a frame is given out once; what stands before one is dropped and counted, what grows too long is an error.
"""

from dataclasses import dataclass, field

START, END, RETURN = 0x0B, 0x1C, 0x0D
LONGEST = 1 << 20
"""Bytes of one message, 1 MiB."""


class TooLong(Exception):  # noqa: N818 - names what is wrong with the stream
    """A frame outgrew the limit; the connection is of no further use."""


@dataclass(slots=True)
class Framer:
    """One connection's bytes. `dropped`: bytes that stood outside of every frame."""

    longest: int = LONGEST
    dropped: int = field(init=False, default=0)
    _held: bytearray | None = field(init=False, default=None)

    @property
    def is_inside(self) -> bool:
        """Say whether a frame has begun and not ended."""
        return self._held is not None

    def feed(self, data: bytes) -> list[bytes]:
        """Return the messages these bytes complete, in order. Raises TooLong.

        A peer may leave out the CR after 1C, or the one before it; a start within a frame begins it anew.
        """
        done: list[bytes] = []
        for place, piece in enumerate(data.split(bytes((START,)))):
            if place:  # a start byte stood before this piece
                self.dropped += len(self._held or b"")
                self._held = bytearray()
            self._take(piece, done)
        return done

    def _take(self, piece: bytes, done: list[bytes]) -> None:
        if self._held is None:
            self.dropped += len(piece.translate(None, b"\r\n"))
            return
        body, end, rest = piece.partition(bytes((END,)))
        self._held += body
        if len(self._held) > self.longest:
            raise TooLong
        if end:
            done.append(bytes(self._held))
            self._held = None
            self._take(rest, done)


def frame(body: bytes) -> bytes:
    """Return a message ready to be sent: both end bytes always, the last segment ended by CR."""
    return bytes((START,)) + body.rstrip(b"\r\n") + bytes((RETURN, END, RETURN))
