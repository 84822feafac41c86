"""The hub's word on which version agents should run: one signed line.

Rule: a number never goes back, a version neither, and a line that has run out says nothing: an old offer cannot be
played again, and silence cannot be passed off as "nothing new".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from joserfc.jwk import OKPKey

from agent.core.envelope.exchange import whole, word
from agent.core.envelope.shapes import KeySet, Rejected
from agent.core.envelope.signed import VERSION, sign, verify

TYP = "creneau-release+jws"
RELEASE_LIFE = timedelta(days=7)
"""The hub signs the line anew with every beat; a week without one is worth a warning."""
_DOTTED = re.compile(r"\d{1,5}(\.\d{1,5}){1,3}")
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Release:
    """`n` grows with each release told; `minimum`: what the hub still talks to; `files`: name -> hex SHA-256."""

    n: int
    version: str
    minimum: str
    files: Mapping[str, str]


def dotted(version: str) -> tuple[int, ...]:
    """Return "0.10.1" as numbers, to be compared. Raises Rejected("schema")."""
    if not _DOTTED.fullmatch(version):
        raise Rejected("schema", "no version")
    return tuple(int(part) for part in version.split("."))


def is_newer(version: str, than: str) -> bool:
    """Say whether a version comes after another."""
    return dotted(version) > dotted(than)


def release_line(release: Release, key: OKPKey, *, iss: str, now: datetime) -> str:
    """Return the line, good for a week."""
    body = {
        "iss": iss,
        "n": release.n,
        "version": release.version,
        "minimum": release.minimum,
        "files": dict(release.files),
        "iat": int(now.timestamp()),
        "exp": int((now + RELEASE_LIFE).timestamp()),
        "v": VERSION,
    }
    return sign(TYP, body, key, pack=False)


def open_release(text: str, keys: KeySet, *, iss: str, now: datetime, last: Release | None = None) -> Release:
    """Return what the line says. Raises Rejected: bad-signature, schema, stale (run out, or older than `last`)."""
    claims = verify(text, keys, TYP).claims
    if claims.get("iss") != iss:
        raise Rejected("bad-signature", "another hub's line")
    found = _read(claims)
    if int(now.timestamp()) >= whole(claims, "exp", 1):
        raise Rejected("stale", "the line has run out")
    if last is not None and (found.n < last.n or is_newer(last.version, found.version)):
        raise Rejected("stale", "a line from before the last one")
    return found


def _read(claims: Mapping[str, Any]) -> Release:
    files = claims.get("files")
    if not isinstance(files, Mapping) or not all(
        isinstance(name, str) and len(name) <= 100 and isinstance(digest, str) and _HEX.fullmatch(digest)
        for name, digest in files.items()
    ):
        raise Rejected("schema", "no files")
    version, minimum = word(claims, "version"), word(claims, "minimum")
    if is_newer(minimum, version):
        raise Rejected("schema", "asks for more than it offers")
    return Release(whole(claims, "n", 1), version, minimum, dict(files))
