"""One answer of a FHIR server, and what its status means to whoever asked.

Rule: an ETag is opaque; 409 and 412 both say that somebody was faster; no word of a body goes into an error.
"""

from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import msgspec

from adapters.fhir.resources import OUTCOME
from agent.core.errors import Transient
from agent.core.message import say

READING, WRITING = say("read the FHIR server"), say("write into the FHIR server")


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """What came back, whole. `etag` is opaque, as sent; "" = none."""

    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def etag(self) -> str:
        """Return the version as If-Match wants it: the header, else made of meta.versionId, else ""."""
        sent: str = self.headers.get("etag", "")
        if sent or not self.body:
            return sent
        version = self.json().get("meta", {}).get("versionId")
        return f'W/"{version}"' if version else ""

    @property
    def at(self) -> datetime | None:
        """Return the server's own time; None when it tells none."""
        try:
            at = parsedate_to_datetime(self.headers.get("date", ""))
        except (TypeError, ValueError):
            return None
        return at if at.tzinfo is not None else None

    @property
    def is_stale(self) -> bool:
        """Say whether If-Match or If-None-Match did not hold: 412 in R4, 409 on some servers."""
        return self.status in (409, 412)

    @property
    def is_gone(self) -> bool:
        """Say whether there is no such resource, or no longer."""
        return self.status in (404, 410)

    @property
    def is_good(self) -> bool:
        """Say whether it was done."""
        return 200 <= self.status < 300

    @property
    def is_xml(self) -> bool:
        """Say whether the body is XML by its own word."""
        return bool(self.body) and "xml" in self.headers.get("content-type", "")

    @property
    def issue(self) -> str:
        """Return the code of the first error the server names, "" when it names none."""
        try:
            return OUTCOME.decode(self.body).wrong
        except (msgspec.DecodeError, msgspec.ValidationError):
            return ""

    def json(self) -> dict[str, Any]:
        """Return the resource, {} when there is none. Raises Transient when the text is no JSON object."""
        try:
            found = msgspec.json.decode(self.body or b"{}")
        except msgspec.DecodeError as cause:
            raise Transient(READING, say("the FHIR server's answer is cut short or is no FHIR")) from cause
        return found if isinstance(found, dict) else {}
