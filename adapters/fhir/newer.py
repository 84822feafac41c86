"""Ask a server, in a few bytes, whether anything is new since the last question.

Rule: what is asked twice for the overlap's sake counts once; only ids and versions are read; a server whose filter does
not filter, or that refuses it, is asked no more.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from adapters.fhir.answer import READING
from adapters.fhir.line import Line, Params
from adapters.fhir.profile import Profile
from adapters.fhir.record import moment
from agent.core.errors import Transient
from agent.core.message import say

OVERLAP = timedelta(minutes=2)
"""Asked for twice: clocks of servers behind one address differ, and what is being written shows late."""
LONGEST = timedelta(seconds=20)
"""One question, all its requests."""
BLUR = timedelta(seconds=2)
"""A time in a search is cut to the second."""
MOST = 50
"""Entries asked for of a kind; a burst that is longer is one reason to read like any other."""
KINDS = ("Slot", "Appointment")
BRIEF: Params = (("_elements", "id,meta"),)


def later(since: datetime, most: int) -> Params:
    """Return the search for what changed after `since`."""
    return [("_lastUpdated", f"gt{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"), ("_count", str(most))]


class _Cursor(msgspec.Struct, frozen=True):
    """The server's time of a question, and marks of what was seen by then that the next one may bring again."""

    at: datetime
    seen: tuple[str, ...] = ()


class _Meta(msgspec.Struct, rename="camel"):
    version_id: str = ""
    last_updated: str = ""


class _One(msgspec.Struct, rename="camel"):
    resource_type: str = ""
    id: str = ""
    meta: _Meta = msgspec.field(default_factory=_Meta)

    @property
    def mark(self) -> str:
        """Return what stands for this version of this resource, in 16 characters."""
        whole = f"{self.resource_type}/{self.id} {self.meta.version_id or self.meta.last_updated}"
        return hashlib.blake2s(whole.encode(), digest_size=8).hexdigest()


class _Entry(msgspec.Struct):
    resource: _One | None = None


class _Page(msgspec.Struct):
    entry: list[_Entry] = []


_PAGES, _CURSORS = msgspec.json.Decoder(_Page), msgspec.json.Decoder(_Cursor)


class Newer:
    """Asks one server. `profile`: what a trial saw of it, None = never tried."""

    def __init__(self, line: Line, profile: Callable[[], Profile | None]) -> None:
        """Ask nothing yet."""
        self._line = line
        self._profile = profile
        self._brief = BRIEF
        self._blind = False

    def ask(self, since: str | None) -> tuple[bool, str]:
        """Return (something was not seen yet, cursor); the first question only begins. Raises Transient, Misconfigured."""
        profile = self._profile()
        if self._blind or (profile is not None and "renewed" in profile.lacks):
            return False, since or ""
        last = _CURSORS.decode(since) if since else None
        after = (last.at if last is not None else self._line.at) - OVERLAP
        found, times = list[_One](), list[datetime]()
        with self._line.within(LONGEST):
            for kind in KINDS:
                page = self._later(kind, after)
                times.append(self._line.at)
                if page is None or any(_is_older(one, after - BLUR) for one in page):
                    self._blind = True
                    return False, since or ""
                found += page
        marks = [one.mark for one in found]
        before = last.seen if last is not None else ()
        cursor = _Cursor(min(times), _some(marks, before))
        return last is not None and not set(marks) <= set(before), msgspec.json.encode(cursor).decode()

    def _later(self, kind: str, after: datetime) -> Sequence[_One] | None:
        """Return ids and versions of what is later, asked again without `_elements` where refused; None = refused too."""
        answer = self._line.read(kind, [*later(after, MOST), *self._brief])
        if not answer.is_good and self._brief:
            self._brief = ()
            answer = self._line.read(kind, later(after, MOST))
        if not answer.is_good:
            return None
        try:
            page = _PAGES.decode(answer.body)
        except msgspec.DecodeError as cause:
            raise Transient(READING, say("the FHIR server's answer is cut short or is no FHIR")) from cause
        return [each.resource for each in page.entry if each.resource and each.resource.resource_type == kind]


def _is_older(one: _One, than: datetime) -> bool:
    """Say whether a server brought what it was not asked for."""
    at = moment(one.meta.last_updated)
    return at is not None and at < than


def _some(marks: Iterable[str], before: Iterable[str]) -> tuple[str, ...]:
    """Return what is to be remembered, the latest first and no more than a few pages of it."""
    return tuple(dict.fromkeys([*marks, *before]))[: 4 * MOST]
