"""Read what strangers wrote: JSON, base64url, RFC 3339, DEFLATE, each without leeway.

Rule: every reader here is bounded, and what it refuses it refuses as `Rejected`.
"""

import base64
import json
import re
import zlib
from datetime import UTC, datetime
from typing import Any, NoReturn

from agent.core.envelope.shapes import Rejected

MOST_BYTES = 32 * 1024 * 1024
MOST_RATIO = 200
MOST_DEPTH = 32
MOST_INT = 2**53 - 1
"""The largest integer every JSON implementation reads exactly (RFC 8259 section 6)."""

_STEP = 64 * 1024
_INT_DIGITS = 17
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})")
_BRACKETS_AND_QUOTES = bytes(c for c in range(256) if chr(c) not in '[]{}"')
_QUOTED = re.compile(rb'"[^"]*"')


def read_json(data: bytes) -> dict[str, Any]:
    """Return one JSON object; duplicate members, fractions, NaN, big integers and deep nesting are refused."""
    if not _shallow(data):
        raise Rejected("schema", "nested too deeply or unbalanced")
    try:
        value = json.loads(
            data.decode(), object_pairs_hook=_once, parse_constant=_no_number, parse_float=_no_number, parse_int=_int53
        )
        if b"\\u" in data:
            json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate is no text
    except (ValueError, RecursionError) as error:
        if isinstance(error, Rejected):
            raise
        raise Rejected("schema", "no JSON") from None
    if not isinstance(value, dict):
        raise Rejected("schema", "no JSON object")
    return value


def _shallow(data: bytes) -> bool:
    """Peel matching brackets level by level, all in C: 100,000 slots take milliseconds."""
    bare = data.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _BRACKETS_AND_QUOTES)
    bare = _QUOTED.sub(b"", bare.replace(b'""', b""))
    for _ in range(MOST_DEPTH):
        if not bare:
            return True
        bare = bare.replace(b"[]", b"").replace(b"{}", b"")
    return not bare


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Rejected("schema", "duplicate member")
    return members


def _no_number(_text: str) -> NoReturn:
    raise Rejected("schema", "a number that is no integer")


def _int53(text: str) -> int:
    if len(text) > _INT_DIGITS or abs(number := int(text)) > MOST_INT:
        raise Rejected("schema", "an integer beyond 53 bits")
    return number


def write_json(value: object) -> bytes:
    """Return compact UTF-8 JSON; NaN is refused."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def read_base64url(text: str) -> bytes:
    """Return the bytes of unpadded base64url (RFC 7515 section 2), canonical spelling only."""
    if not _BASE64URL.fullmatch(text) or len(text) % 4 == 1:
        raise Rejected("schema", "no base64url")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if write_base64url(data) != text:
        raise Rejected("schema", "base64url with spare bits")
    return data


def write_base64url(data: bytes) -> str:
    """Return unpadded base64url."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def read_time(text: object) -> datetime:
    """Return an aware moment from RFC 3339 text."""
    if not isinstance(text, str) or not _RFC3339.fullmatch(text):
        raise Rejected("schema", "no RFC 3339 time")
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise Rejected("schema", "no such time") from None


def write_time(at: datetime) -> str:
    """Return RFC 3339 in UTC with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def deflate(data: bytes) -> bytes:
    """Return raw DEFLATE (RFC 1951)."""
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def inflate(data: bytes) -> bytes:
    """Return what raw DEFLATE holds, in steps of 64 KiB, up to 32 MiB and 200:1."""
    most = min(MOST_BYTES, MOST_RATIO * len(data))
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    parts: list[bytes] = []
    total, rest = 0, data
    try:
        while not unpacker.eof and (part := unpacker.decompress(rest, _STEP)):
            total += len(part)
            if total > most:
                raise Rejected("too-large", "inflates beyond 32 MiB or 200:1")
            parts.append(part)
            rest = unpacker.unconsumed_tail
    except zlib.error:
        raise Rejected("schema", "no DEFLATE") from None
    if not unpacker.eof or unpacker.unused_data:
        raise Rejected("schema", "DEFLATE cut short or followed by more")
    return b"".join(parts)
