"""The way to the hub: HTTPS out, one signed message each way.

Rule: only an Envelope leaves, certificates are always checked, and only application/jose comes back.
"""

import logging
import sys
import threading
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from agent.core.envelope import Envelope, clamped
from agent.core.errors import Misconfigured, Transient
from agent.core.message import say
from agent.ports import Answer, Clock, Stop

if TYPE_CHECKING:
    import httpx

log = logging.getLogger("creneau.hublink")

# httpx imports its own command line wherever click happens to be installed, and rich and pygments with it: 6 MB that
# no agent uses. None in the module cache means "cannot be imported", which httpx provides for.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type] # typeshed leaves the None out

SENDS = 3
WITHIN_S = 15.0
READ_S = 20.0
"""How long the hub may take beyond the wait it was asked for."""
MOST_BYTES = 16 * 1024 * 1024
AGAIN = frozenset({408, 425, 429, *range(500, 505)})
ONCE = frozenset({"orders", "beat"})
"""Never re-sent: their answers carry a turn, which counts from the one sending."""
_SLICE_S = 0.5


class _Again(Exception):  # noqa: N818 - not an error but a reason to send once more
    """One sending failed in a way that may pass. `jws`: a signed answer came with it after all."""

    def __init__(self, fault: Transient, jws: str = "") -> None:
        super().__init__()
        self.fault = fault
        self.jws = jws


class HubLink:
    """The port Hub over one pool of HTTPS connections; any thread, several at once.

    `ca_file` stands beside the system's trust; `proxy` "" means the system's own. Raises Misconfigured when the
    address is no https origin, or the authority or the proxy cannot be used.
    """

    def __init__(self, url: str, ca_file: str, proxy: str, clock: Clock, stop: Stop) -> None:
        """Open nothing yet."""
        from agent.hublink.lines import Lines, client

        self._url = _origin(url)
        self._host = urlsplit(self._url).hostname or ""
        self._clock = clock
        self._stop = stop
        self._until = threading.local()
        self._lines = Lines(self._patience)
        self._client = client(ca_file, proxy or system_proxy(self._host), self._lines)
        self._lock = threading.Lock()
        self._calls = 0

    def call(self, envelope: Envelope, wait: timedelta) -> Answer:
        """Send; at most three sends of the same bytes within 15 s, `orders` and `beat` only once."""
        with self._lock:
            self._calls += 1
        try:
            sent = self._clock.now()
            return Answer(self._sent(envelope, wait), sent, self._clock.now().age - sent.age)
        finally:
            self._leave()

    def _leave(self) -> None:
        with self._lock:
            self._calls -= 1
            last = self._calls == 0
        if last and self._lines.ended():
            self._client.close()

    def close(self) -> None:
        """Cut every connection; a blocked call returns at once. Any thread, idempotent."""
        self._lines.end()
        with self._lock:
            idle = self._calls == 0
        if idle:
            self._client.close()

    def _sent(self, envelope: Envelope, wait: timedelta) -> str:
        from tenacity import (
            Retrying,
            retry_if_exception_type,
            stop_after_attempt,
            stop_before_delay,
            wait_random_exponential,
        )

        sends = 1 if envelope.verb in ONCE else SENDS
        retrying = Retrying(
            stop=stop_after_attempt(sends) | stop_before_delay(WITHIN_S),
            wait=wait_random_exponential(multiplier=0.5, max=5),
            retry=retry_if_exception_type(_Again),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(self._once, envelope, wait)
        except _Again as last:
            if last.jws:
                return last.jws
            raise last.fault from last.__cause__

    def _sleep(self, seconds: float) -> None:
        """Sleep until stop or close."""
        while seconds > 0 and not self._stop.is_set() and not self._lines.ended(min(seconds, _SLICE_S)):
            seconds -= _SLICE_S

    def _once(self, envelope: Envelope, wait: timedelta) -> str:
        import httpx

        from agent.hublink.faults import fault, stopping

        if self._lines.ended() or self._stop.is_set():
            raise stopping()
        patience = wait.total_seconds() + READ_S
        self._until.age = self._clock.now().age + timedelta(seconds=patience)
        try:
            with self._client.stream(
                "POST",
                f"{self._url}/v1/{envelope.verb}",
                content=envelope.jws.encode("ascii"),
                headers={"Content-Type": "application/jose"},
                timeout=httpx.Timeout(patience, connect=10.0, pool=5.0),
            ) as response:
                return self._judged(response)
        except httpx.TransportError as error:
            if self._lines.ended():
                raise stopping() from error
            raise _Again(fault(error, self._host)) from error

    def _judged(self, response: "httpx.Response") -> str:
        """Return the signed answer, or raise what the status means. Redirects and portal pages are no answer."""
        from agent.hublink.faults import no_answer

        status = response.status_code
        after = _retry_after(response)
        jws = self._read(response) if _is_jose(response) else ""
        if status in AGAIN and not (status == 429 and jws) and after is None:
            raise _Again(no_answer(self._host, status), jws)
        if not jws:
            raise no_answer(self._host, status, after)
        return jws

    def _read(self, response: "httpx.Response") -> str:
        from agent.hublink.faults import no_answer, too_long

        body = bytearray()
        for part in response.iter_raw(64 * 1024):
            body += part
            if len(body) > MOST_BYTES:
                raise too_long(self._host)
        try:
            return body.decode("ascii").strip()
        except UnicodeDecodeError as error:
            raise no_answer(self._host, response.status_code) from error

    def _patience(self, timeout: float | None) -> float | None:
        """Return what is left of this thread's call, so that a server which drips cannot hold it."""
        import httpcore

        until: timedelta | None = getattr(self._until, "age", None)
        if until is None:
            return timeout
        left = (until - self._clock.now().age).total_seconds()
        if left <= 0:
            raise httpcore.ReadTimeout
        return left if timeout is None else min(timeout, left)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.path not in {"", "/"} or parts.query or parts.username:
        raise Misconfigured(
            say("set up the way to the hub"),
            say("the hub's address is no https origin"),
            say("write it as https://host or https://host:port"),
            key="hub.url",
        )
    return f"https://{parts.netloc}"


def system_proxy(host: str) -> str:
    """Return the proxy of the environment or, on Windows, of the registry; "" is the straight way."""
    from urllib.request import getproxies, proxy_bypass

    found = getproxies()
    return "" if proxy_bypass(host) else found.get("https", found.get("all", ""))


def _is_jose(response: "httpx.Response") -> bool:
    kind: str = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    coding: str = response.headers.get("content-encoding", "identity").strip().lower()
    return kind == "application/jose" and coding == "identity"


def _retry_after(response: "httpx.Response") -> timedelta | None:
    text = response.headers.get("retry-after", "")
    return clamped(int(text)) if text.isascii() and text.isdigit() and len(text) < 9 else None
