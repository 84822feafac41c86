"""A FHIR server with the flaws that real ones were measured to have, each a word.

Rule: it knows no more FHIR than the flaws need; what is safe on it was safe in spite of them.
"""

import json
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from agent.clock import SystemClock

KNOWN = frozenset(
    {
        "start",
        "date",
        "identifier",
        "schedule",
        "_count",
        "_offset",
        "_include",
        "actor",
        "_lastUpdated",
        "birthdate",
        "family",
    }
)
MEDPLUM = frozenset(
    {"half-failed", "patch-unguarded", "uuid", "no-total", "page-20", "strict", "404-after-delete", "no-own-ids"}
)
"""Medplum 5.0.10, as the behaviour table has it."""
BARE = frozenset({"no-conditional", "half-failed"})
"""A server that creates whatever it is sent."""
UNGUARDED = frozenset({"if-match-ignored", "half-failed"})
"""A server that lets any change through."""
GP = frozenset({"409", "no-transaction", "other-links"})
"""GP Connect's word for a stale change, and links that lead to an inner address."""

Store = dict[tuple[str, str], dict[str, Any]]


class Hostile:
    """The server's state. `flaws` may be changed while it runs; `asked` keeps (method, path) of every request."""

    def __init__(self, flaws: frozenset[str]) -> None:
        self.flaws, self.release = flaws, "H"
        self.store: Store = {}
        self.asked: list[tuple[str, str]] = []
        self.lock = threading.Lock()
        self._number = 0

    def number(self) -> str:
        self._number += 1
        return str(uuid.UUID(int=self._number)) if "uuid" in self.flaws else str(self._number)

    # ---- one interaction: (status, body)

    def handle(self, method: str, path: str, params: Sequence[tuple[str, str]], body: Any, headers: Mapping[str, str]) -> tuple[int, Any]:  # fmt: skip
        with self.lock:
            self.asked.append((method, path))
            if path == "metadata":
                return 200, {
                    "resourceType": "CapabilityStatement",
                    "fhirVersion": "4.0.1",
                    "software": {"name": self.release},
                }
            kind, _, key = path.partition("/")
            if method == "POST" and not path:
                return self.transaction(body)
            if method == "GET" and not key:
                return self.search(kind, params)
            if method == "POST" and key != "_search":
                return self.create(kind, body, headers.get("If-None-Exist", ""))
            return {"GET": self.get, "PUT": self.put, "DELETE": self.delete, "PATCH": self.patch}.get(
                method, self.refuse
            )(kind, key, body, headers)

    def refuse(self, *_: object) -> tuple[int, Any]:
        return 405, outcome("not-supported")

    def get(self, kind: str, key: str, _body: Any, headers: Mapping[str, str]) -> tuple[int, Any]:
        found = self.store.get((kind, key))
        if found and headers.get("If-None-Match") == etag(found) and "no-304" not in self.flaws:
            return 304, None
        return (200, found) if found else (404 if "404-after-delete" in self.flaws else 410, outcome("not-found"))

    def create(self, kind: str, body: Any, name: str) -> tuple[int, Any]:
        if not isinstance(body, dict) or not body.get("resourceType"):
            return 400, outcome("structure")
        if name and "no-conditional" not in self.flaws:
            found = self.matching(kind, parse_qsl(name))
            if found:
                return (200, found[0]) if len(found) == 1 else (412, outcome("multiple-matches"))
        return 201, self.keep({**body, "id": f"h{self.number()}"})

    def put(self, kind: str, key: str, body: Any, headers: Mapping[str, str]) -> tuple[int, Any]:
        now = self.store.get((kind, key))
        if not isinstance(body, dict):
            return 400, outcome("structure")
        if "sealed" in self.flaws and body.get("status") == "entered-in-error":
            return 422, outcome("business-rule")
        if self.is_stale(now, headers):
            return (409 if "409" in self.flaws else 412), outcome("conflict")
        if now is None and "no-own-ids" in self.flaws and kind == "Appointment":
            return 400, outcome("invalid")
        if now is not None and {**now, "meta": 0} == {**body, "meta": 0} and "always-new" not in self.flaws:
            return 200, now  # unchanged: the same version
        return (200 if now else 201), self.keep({**body, "id": key})

    def is_stale(self, now: Mapping[str, Any] | None, headers: Mapping[str, str]) -> bool:
        wanted = headers.get("If-Match", "")
        if now is None:
            return bool(wanted) and "revives" not in self.flaws
        if headers.get("If-None-Match") == "*" and "none-match" in self.flaws:
            return True
        return bool(wanted) and wanted != etag(now) and "if-match-ignored" not in self.flaws

    def patch(self, kind: str, key: str, body: Any, headers: Mapping[str, str]) -> tuple[int, Any]:
        now = self.store[kind, key]
        if headers.get("If-Match") != etag(now) and "patch-unguarded" not in self.flaws:
            return 412, outcome("conflict")
        return 200, self.keep({**now, **{change["path"][1:]: change["value"] for change in body}})

    def delete(self, kind: str, key: str, _body: Any, _headers: Mapping[str, str]) -> tuple[int, Any]:
        if "no-delete" in self.flaws:
            return 405, outcome("not-supported")
        return (200, {}) if self.store.pop((kind, key), None) else (404, outcome("not-found"))

    def transaction(self, body: Any) -> tuple[int, Any]:
        if "no-transaction" in self.flaws or not isinstance(body, dict):
            return 400, outcome("not-supported")
        before, answers = dict(self.store), []
        for entry in body["entry"]:
            request, resource = entry["request"], entry["resource"]
            kind, _, key = request["url"].partition("/")
            if request["method"] == "PUT":
                status, what = self.put(kind, key, resource, {"If-Match": request.get("ifMatch", "")})
            else:
                status, what = self.create(kind, resource, request.get("ifNoneExist", ""))
            answers.append({"response": {"status": str(status)}, "resource": what})
            if status >= 400 and "half-failed" not in self.flaws:
                self.store = before
                return status, what
        return 200, {"resourceType": "Bundle", "type": "transaction-response", "entry": answers}

    def search(self, kind: str, params: Sequence[tuple[str, str]]) -> tuple[int, Any]:
        known = KNOWN - ({"actor"} if "no-actor" in self.flaws else set())
        if self.flaws & {"strict", "no-actor"} and any(key not in known for key, _ in params):
            return 400, outcome("invalid")
        if "outcome-inside" in self.flaws:
            return 200, bundle([outcome("exception")])
        given = dict(params)
        found = self.matching(kind, params)
        size = min(int(given.get("_count", 20)), 20 if "page-20" in self.flaws else 10_000)
        first = int(given.get("_offset", 0))
        page = bundle(found[first : first + size])
        if "no-total" not in self.flaws:
            page["total"] = len(found)
        if "no-links" not in self.flaws:
            page["link"] = [{"relation": "self", "url": kind}]
            if first + size < len(found):
                rest = "&".join(f"{key}={value}" for key, value in params if key != "_offset")
                host = "http://inner.invalid:1/fhir/" if "other-links" in self.flaws else ""
                page["link"].append({"relation": "next", "url": f"{host}{kind}?{rest}&_offset={first + size}"})
        return 200, page

    def matching(self, kind: str, params: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
        blind = {"undated": "date", "lags": "identifier", "no-news": "_lastUpdated"}
        if any(flaw in self.flaws and word in dict(params) for flaw, word in blind.items()):
            return []
        return [one for (of, _), one in list(self.store.items()) if of == kind and all(fits(one, *p) for p in params)]

    def keep(self, resource: dict[str, Any]) -> dict[str, Any]:
        at = SystemClock().now().utc.isoformat()
        whole = {**resource, "meta": {"versionId": self.number(), "lastUpdated": at}}
        if "no-identifiers" in self.flaws:
            whole.pop("identifier", None)
        if "unmarked" in self.flaws and resource["resourceType"] == "Slot":
            whole.pop("identifier", None)
        self.store[resource["resourceType"], resource["id"]] = whole
        return whole


def fits(one: Mapping[str, Any], key: str, value: str) -> bool:
    if key == "identifier":
        system, _, name = value.partition("|")
        names = one.get("identifier") or ()
        return any(each["system"] == system and name in ("", each["value"]) for each in names)
    if key in ("start", "date"):
        at, bound = one.get("start"), datetime.fromisoformat(value[2:])
        if at is None or (start := datetime.fromisoformat(at)).tzinfo is None:
            return True
        return start >= bound if value.startswith("ge") else start < bound
    if key == "actor":
        return any(each.get("actor", {}).get("reference") == value for each in one["participant"])
    return key != "schedule" or one["schedule"]["reference"] == value


def etag(one: Mapping[str, Any]) -> str:
    return f'W/"{one["meta"]["versionId"]}"'


def unversioned(what: Any) -> Any:
    if isinstance(what, list):
        return [unversioned(one) for one in what]
    if isinstance(what, dict):
        return {key: unversioned(one) for key, one in what.items() if key != "versionId"}
    return what


def bundle(found: Sequence[Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in found]}


def outcome(code: str) -> dict[str, Any]:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": code}]}


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 in front of a Hostile."""

    protocol_version = "HTTP/1.1"
    wbufsize = 65536  # one packet an answer: two would wait for each other (Nagle)
    hostile: Hostile

    def serve(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        try:
            body = json.loads(raw) if raw and "json" in self.headers.get("Content-Type", "") else None
        except ValueError:
            body = raw
        path = parts.path.removeprefix("/fhir").strip("/")
        status, what = self.hostile.handle(self.command, path, parse_qsl(parts.query), body, dict(self.headers))
        self.answer(status, what)

    def answer(self, status: int, what: Any) -> None:
        flaws = self.hostile.flaws
        what = unversioned(what) if "versionless" in flaws else what
        text = json.dumps(what).encode()
        text = text[: len(text) // 2] if "half" in flaws else text
        text = b"" if status == 304 else text
        self.send_response(status)
        self.send_header("Content-Type", "application/fhir+xml" if "xml" in flaws else "application/fhir+json")
        written = self.command in ("POST", "PUT") and isinstance(what, dict) and bool(what.get("id"))
        if isinstance(what, dict) and what.get("meta", {}).get("versionId") and not (written and "mute" in flaws):
            self.send_header("ETag", etag(what))
        if written and flaws & {"minimal", "mute"} and status < 300:
            self.send_header("Location", f"{what['resourceType']}/{what['id']}/_history/1")
            text = b""
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if "cut" in flaws:
            self.wfile.write(text[: len(text) // 2])
            self.close_connection = True
        elif "drip" in flaws:
            self.drip(text)
        else:
            self.wfile.write(text)

    def drip(self, text: bytes) -> None:
        pause = threading.Event()
        for n in range(len(text)):
            try:
                self.wfile.write(text[n : n + 1])
                self.wfile.flush()
            except OSError:
                return
            pause.wait(0.02)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = serve  # noqa: N815 - the names http.server calls

    def log_message(self, *_: object) -> None:
        """Keep the tests' output quiet."""


@contextmanager
def running(flaws: frozenset[str], made: Hostile | None = None) -> Iterator[tuple[Hostile, str]]:
    """Serve on loopback; yield the state and the FHIR base."""
    hostile = made or Hostile(flaws)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hostile": hostile}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hostile, f"http://127.0.0.1:{server.server_address[1]}/fhir"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
