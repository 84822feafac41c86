"""What a hub answers when it will not do as asked.

Rule: the words are the protocol's, and the signed word decides; the HTTP status only mirrors it.
"""

from collections.abc import Mapping
from typing import Any

STATUS: Mapping[str, int] = {
    "clock-skew": 401,
    "bad-signature": 401,
    "key-retired": 401,
    "unknown-clinic": 401,
    "replayed": 409,
    "stale-epoch": 409,
    "resync": 409,
    "not-current": 409,
    "too-large": 413,
    "schema": 422,
    "in-work": 425,
    "rate-limited": 429,
}


class Problem(Exception):  # noqa: N818 - it is the protocol's own noun
    """`word` is a key of STATUS, `members` travel beside it; `keep`: what was written so far stays."""

    def __init__(self, word: str, members: Mapping[str, Any] | None = None, *, keep: bool = False) -> None:
        super().__init__(word)
        self.word = word
        self.members = dict(members or {})
        self.keep = keep
