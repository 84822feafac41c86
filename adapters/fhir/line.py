"""One HTTP line to one FHIR server: deadlines, limits, errors in the house's family.

Rule: a request is made once; what its loss means is said by the error, and no word of the server's answer is repeated.
"""

import contextlib
import socket
import ssl
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NoReturn, Protocol
from urllib.parse import urlsplit, urlunsplit

import httpx
import msgspec

from adapters.fhir.answer import READING, WRITING, Answer
from agent.core.errors import Ambiguous, CreneauError, Misconfigured, Transient
from agent.core.message import Message, say
from agent.ports import Clock

REQUEST = timedelta(seconds=20)
"""Longest one request may take, a dripping answer included."""
CONNECT_S = 4.0
MOST_BYTES = 64 * 1024 * 1024
MOST_HANDLES = 16
"""A thread's line has one connection at a time, a trial has eight; older handles are of connections long gone."""
UNKNOWN = 'W/"creneau-no-such-version"'
"""A version that no resource has."""
BUSY = frozenset({408, 425, 429})
Params = Sequence[tuple[str, str]]


class Access(Protocol):
    """What an account shows the server."""

    def headers(self, line: "Line") -> Mapping[str, str]:
        """Return the headers of the next request; may fetch a token by the line."""
        ...

    def renew(self) -> bool:
        """Forget what the server has just refused; True = another try may go better."""
        ...


class Open:
    """A server that asks for nothing, or knows us by our certificate."""

    def headers(self, line: "Line") -> Mapping[str, str]:
        """Return none."""
        del line
        return {}

    def renew(self) -> bool:
        """Nothing could be renewed."""
        return False


class Line:
    """A client of one server; the thread that uses it owns it, `close` excepted."""

    def __init__(
        self,
        server: str,
        access: Access,
        clock: Clock,
        mime: str = "application/fhir+json",
        context: ssl.SSLContext | None = None,
        inspect: Callable[[object], None] | None = None,
    ) -> None:
        """Connect nothing yet. `server`: the FHIR base. `context`: None = the system's trust.

        `inspect` sees every resource before it leaves, and may raise.
        """
        self.base = server.rstrip("/") + "/"
        self.clock = clock
        self.access = access
        self._inspect = inspect
        self._until: timedelta | None = None
        self._handles: deque[socket.socket] = deque()
        self._closed = False
        accept = f"{mime}, application/fhir+json;q=0.9, application/json;q=0.8"
        self._mime = mime
        self._at: datetime | None = None
        self._client = httpx.Client(
            verify=context if context is not None else ssl.create_default_context(),
            trust_env=False,
            follow_redirects=False,
            headers={"User-Agent": "creneau", "Accept": accept, "Accept-Encoding": "identity"},
        )

    @property
    def at(self) -> datetime:
        """Return the server's own time when it last answered, by its Date header; ours where it tells none."""
        return self._at or self.clock.now().utc

    @contextmanager
    def within(self, longest: timedelta) -> Iterator[None]:
        """Give all requests of the block one deadline."""
        self._until = self.clock.now().age + longest
        try:
            yield
        finally:
            self._until = None

    def read(self, path: str, params: Params = (), headers: Mapping[str, str] | None = None) -> Answer:
        """GET; raises Transient or Misconfigured, answers 2xx, 304, 404 and 410, and what refuses the question."""
        return self._good(self._ask("GET", path, params, None, headers or {}), READING)

    def look(self, kind: str, form: Mapping[str, str]) -> Answer:
        """Search by POST, so that no value stands in an address."""
        sent = {"Content-Type": "application/x-www-form-urlencoded"}
        body = str(httpx.QueryParams(form)).encode()
        return self._good(self._ask("POST", f"{kind}/_search", (), body, sent), READING)

    def write(
        self, method: str, path: str, resource: object, headers: Mapping[str, str] | None = None, params: Params = ()
    ) -> Answer:
        """POST, PUT, PATCH or DELETE; Ambiguous when the answer is lost, Transient when it was surely not done.

        An empty If-Match (a server that answered without version) becomes one that matches nothing: the server refuses
        it, and the caller looks again.
        """
        kind = {"Content-Type": self._mime, "Prefer": "return=representation"}
        if headers is not None and headers.get("If-Match") == "":
            headers = {**headers, "If-Match": UNKNOWN}
        if self._inspect is not None and resource is not None:
            self._inspect(resource)
        body = None if resource is None else self.encoded(resource)
        return self._good(self._ask(method, path, params, body, {**kind, **(headers or {})}), WRITING)

    def encoded(self, resource: object) -> bytes:
        """Return the bytes that are sent; a test may spoil them."""
        return msgspec.json.encode(resource)

    def follow(self, link: str) -> Answer:
        """GET a page link. Its origin is replaced by the server's own: a token goes nowhere else."""
        whole, base = urlsplit(httpx.URL(self.base).join(link).__str__()), urlsplit(self.base)
        return self._good(
            self._ask("GET", urlunsplit((base.scheme, base.netloc, whole.path, whole.query, "")), (), None, {}), READING
        )

    def token(self, url: str, form: Mapping[str, str]) -> Answer:
        """POST a form to the authorization server, without our own access."""
        return self._once("POST", url, (), str(httpx.QueryParams(form)).encode(), _FORM)

    def plain(self, path: str) -> Answer:
        """GET what is open to all, without our own access."""
        return self._once("GET", path, (), None, {"Accept": "application/json"})

    def close(self) -> None:
        """Cut every connection; any thread, any number of times."""
        self._closed = True
        while self._handles:
            with contextlib.suppress(OSError, IndexError), self._handles.popleft() as handle:
                handle.shutdown(socket.SHUT_RDWR)
        self._client.close()

    # ---- one request

    def _ask(self, method: str, path: str, params: Params, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        answer = self._once(method, path, params, body, {**headers, **self.access.headers(self)})
        if answer.status == 401 and self.access.renew():  # refused at the door: surely not done
            answer = self._once(method, path, params, body, {**headers, **self.access.headers(self)})
        return answer

    def _once(self, method: str, path: str, params: Params, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        doing = READING if method == "GET" or path.endswith("_search") else WRITING
        left = self._left()
        if self._closed or left <= timedelta(0):
            raise Transient(doing, say("the adapter is closed") if self._closed else say("the time allowed is over"))
        until, seconds = self.clock.now().age + left, left.total_seconds()
        try:
            with self._client.stream(
                method,
                self._url(path, params),
                content=body,
                headers=dict(headers),
                timeout=httpx.Timeout(seconds, connect=min(CONNECT_S, seconds)),
                extensions={"trace": self._trace},
            ) as response:
                answer = Answer(response.status_code, response.headers, self._body(response, until))
                self._at = answer.at or self._at
                return answer
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as cause:
            raise Transient(doing, say("the FHIR server cannot be reached"), say("creneau check emr")) from cause
        except (httpx.TransportError, httpx.StreamError, RuntimeError, OSError) as cause:
            raise self._lost(doing) from cause

    def _url(self, path: str, params: Params) -> httpx.URL:
        where = httpx.URL(self.base).join(path) if path else httpx.URL(self.base.rstrip("/"))
        return where.copy_merge_params(list(params)) if params else where

    def _lost(self, doing: Message) -> CreneauError:
        if doing is WRITING:
            return Ambiguous(doing, say("the FHIR server's answer was lost"))
        return Transient(doing, say("the FHIR server's answer was lost"))

    def _left(self) -> timedelta:
        return REQUEST if self._until is None else min(REQUEST, self._until - self.clock.now().age)

    def _body(self, response: httpx.Response, until: timedelta) -> bytes:
        body = bytearray()
        for part in response.iter_raw():
            body += part
            if len(body) > MOST_BYTES or self.clock.now().age > until:
                raise httpx.ReadTimeout("too long")
        return bytes(body)

    def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Keep a second handle on each connection: closing a client does not wake a blocked read."""
        if event == "connection.connect_tcp.complete":
            self._handles.append(info["return_value"].get_extra_info("socket").dup())
            while len(self._handles) > MOST_HANDLES:
                self._handles.popleft().close()
            if self._closed:
                self.close()

    def _good(self, answer: Answer, doing: Message) -> Answer:
        """Raise what a status means for everybody; the others are the caller's."""
        status = answer.status
        if status in (401, 403):
            hint = say("look at the account's rights on the server, then creneau check emr")
            raise Misconfigured(doing, say("the FHIR server refuses our account (HTTP {code})", code=status), hint)
        if 300 <= status < 400 and status != 304:
            what = say("the FHIR server sends us to another address (HTTP {code})", code=status)
            raise Misconfigured(doing, what, say("write the server's final address"), key="server")
        if status in BUSY or (status == 503 and doing is READING):
            raise Transient(doing, say("the FHIR server is busy (HTTP {code})", code=status), after=_after(answer))
        if status >= 500:
            _failed(doing, status)
        if answer.is_good and answer.is_xml:
            _foreign(doing)
        return answer


_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


def _failed(doing: Message, status: int) -> NoReturn:
    what = say("the FHIR server failed (HTTP {code})", code=status)
    raise Ambiguous(doing, what) if doing is WRITING else Transient(doing, what)


def _foreign(doing: Message) -> NoReturn:
    """Refuse a server that answers in XML whatever it is asked for; what it was sent may be written."""
    what = say("the FHIR server answers in XML only: Créneau reads JSON")
    hint = say("ask the vendor for application/fhir+json")
    raise Ambiguous(doing, what, hint) if doing is WRITING else Misconfigured(doing, what, hint, key="server")


def _after(answer: Answer) -> timedelta | None:
    text = answer.headers.get("retry-after", "")
    return timedelta(seconds=min(int(text), 3600)) if text.isascii() and text.isdigit() else None
