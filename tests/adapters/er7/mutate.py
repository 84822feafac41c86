"""What must hold for any bytes at all, and ways to spoil a message; used by hypothesis, by atheris and by hand."""

import random
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapters.er7 import Change, Terms, Unread, messages, read
from agent.core.model import SiteId
from agent.ports import SitePart

NOW = datetime(2027, 1, 1, tzinfo=UTC)
TERMS = Terms((SitePart(SiteId("principal"), "America/Toronto"),))
FILES = [path.read_bytes() for path in sorted(Path(__file__).with_name("messages").glob("*.hl7"))]


def holds(body: bytes) -> Change | None:
    """Read the bytes; raise AssertionError when a time comes from nowhere. Anything but Unread is a crash."""
    try:
        change = read(body, TERMS, NOW)
    except Unread as no:
        if not 100 <= no.code <= 207:
            raise AssertionError(no.code) from no
        return None
    assert change.filler or change.placer
    if change.timing is not None:
        assert change.timing.end.astimezone(UTC) > change.timing.start.astimezone(UTC)
        assert change.timing.start.astimezone(UTC) in _written(body), "a time made up"
    return change


def _written(body: bytes) -> set[datetime]:
    """Return every moment that stands in the message outside of its header, to the second and to the minute.

    A resource may say how long after the appointment's start it is needed: the start is then that much earlier.
    """
    text = re.split(rb"[\r\n]", body.strip(b"\r\n\x0b\x1c\x00"), maxsplit=1)[-1]
    found: set[datetime] = set()
    for match in re.finditer(rb"(\d{12})(\d{2})?\d{0,2}(?:\.\d{1,4})?([+-]\d{4})?", text.replace(b" ", b"")):
        for stamp, offset in ((match[1] + (match[2] or b"00"), match[3]), (match[1] + b"00", match[3])):
            found |= _moments(stamp.decode(), offset)
    shifts = {timedelta(0)} | {timedelta(minutes=int(n)) for n in re.findall(rb"\|\+?(\d{1,6})\|", text)}
    return {at - shift * unit for at in found for shift in shifts for unit in (1, 1 / 60, 60)}


def _moments(stamp: str, offset: bytes | None) -> set[datetime]:
    try:
        if not "1900" <= stamp[:4] <= "2200":
            return set()
        naive = datetime.strptime(stamp, "%Y%m%d%H%M%S")  # noqa: DTZ007 - zoned below
        if offset is not None:
            return {datetime.strptime(stamp + offset.decode(), "%Y%m%d%H%M%S%z").astimezone(UTC)}
        from zoneinfo import ZoneInfo

        zone = ZoneInfo("America/Toronto")
        return {naive.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    except (ValueError, OverflowError):
        return set()


def spoil(body: bytes, dice: random.Random) -> bytes:
    """Return the message after one to four accidents."""
    for _ in range(dice.randint(1, 4)):
        body = dice.choice(_ACCIDENTS)(body, dice)
    return body


def _cut(body: bytes, dice: random.Random) -> bytes:
    return body[: dice.randint(0, len(body))]


def _ends(body: bytes, dice: random.Random) -> bytes:
    return body.replace(b"\r", dice.choice((b"\n", b"\r\n", b"", b"\r\r", b"\n\r")))


def _letters(body: bytes, dice: random.Random) -> bytes:
    text = body.decode("latin-1")
    return text.encode(dice.choice(("utf-8", "utf-16", "cp1252")), "replace")


def _glue(body: bytes, dice: random.Random) -> bytes:
    lines = body.split(b"\r")
    place = dice.randrange(len(lines))
    return b"\r".join(lines[:place]) + b"".join(lines[place : place + 2]) + b"\r".join(lines[place + 2 :])


def _mix(body: bytes, dice: random.Random) -> bytes:
    first, *rest = body.split(b"\r")
    dice.shuffle(rest)
    return b"\r".join((first, *rest))


def _twice(body: bytes, dice: random.Random) -> bytes:
    return body + dice.choice((b"", b"\x0b")) + dice.choice(FILES)


def _byte(body: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(len(body) + 1)
    return body[:place] + dice.randbytes(dice.randint(0, 3)) + body[place + dice.randint(0, 3) :]


def _digit(body: bytes, dice: random.Random) -> bytes:
    places = [match.start() for match in re.finditer(rb"\d", body)]
    if not places:
        return body
    place = dice.choice(places)
    return body[:place] + str(dice.randint(0, 9)).encode() + body[place + 1 :]


def _field(body: bytes, dice: random.Random) -> bytes:
    fields = body.split(b"|")
    place, other = dice.randrange(len(fields)), dice.randrange(len(fields))
    fields[place] = dice.choice((b"", b'""', fields[other], b"^^^", b"\\X4\\", fields[place] + b"\\"))
    return b"|".join(fields)


_ACCIDENTS = (_cut, _ends, _letters, _glue, _mix, _twice, _byte, _digit, _field)


def bodies(data: bytes) -> list[bytes]:
    """Return the messages a file of these bytes would give, which must never fail either."""
    return list(messages(data))
