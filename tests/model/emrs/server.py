"""A FHIR server as small as the adapter's requests: a few resources, each with its version, as one value.

Rule: one request is one step, save a conditional create, which real servers check first and carry out later; a server
has no ability that it was not given.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from adapters.fhir.agenda import CLAIM
from agent.core.model import SlotKey
from tests.model.values import SLOTS

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
"""The server's hour, which stands still: all that anyone asks of its clock is how old our mark on a Slot is."""
LEFT = timedelta(minutes=6)
"""Longer than a Slot that bears our mark waits for its appointment."""
WHO = "Practitioner/101"
SCHEDULE = {
    "resourceType": "Schedule",
    "id": "day",
    "actor": [{"reference": WHO}, {"reference": "Location/main"}],
}
CREATED, GOOD, STALE, ABSENT = 201, 200, 412, 404


class Request(NamedTuple):
    """One request: `params` and `headers` sorted, `body` canonical JSON or ""."""

    method: str
    path: str
    params: tuple[tuple[str, str], ...] = ()
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def writes(self) -> bool:
        """Say whether it may change anything."""
        return self.method != "GET"

    def __str__(self) -> str:
        """Return it as a counterexample prints it."""
        asks = "?" + self.params[0][0] if self.params else ""
        return f"{self.method} {self.path or 'transaction'}{asks}"


class Reply(NamedTuple):
    """What comes back."""

    status: int
    body: str


class Kept(NamedTuple):
    """A resource: `text` without id and meta. `left`: it has borne our mark for longer than LEFT."""

    kind: str
    id: str
    version: int
    text: str
    left: bool = False

    @property
    def whole(self) -> dict[str, Any]:
        """Return it as the server sends it."""
        written = NOW - LEFT if self.left else NOW
        meta = {"versionId": str(self.version), "lastUpdated": written.isoformat()}
        return {**json.loads(self.text), "id": self.id, "meta": meta}

    @property
    def aged(self) -> "Kept":
        """Return it six minutes later: only where it bears our mark does anyone ask."""
        return self._replace(left=self.kind == "Slot" and CLAIM in self.text)

    @property
    def etag(self) -> str:
        """Return its ETag."""
        return f'W/"{self.version}"'


class Store(NamedTuple):
    """All the server has. `index`: what a search finds, where it lags."""

    kept: tuple[Kept, ...] = ()
    index: tuple[Kept, ...] = ()

    @property
    def aged(self) -> "Store":
        """Return it six minutes later."""
        return Store(tuple(one.aged for one in self.kept), tuple(one.aged for one in self.index))


class Server(NamedTuple):
    """What a server is able to do; see adapters.fhir.profile.

    `once`: creates under If-None-Exist, checked first and done later unless `alone`; `ids`: under If-None-Match. `guards`: holds
    If-Match. `marks`: a Slot keeps our names. `fresh`: a search finds at once what was written.
    """

    once: bool = True
    alone: bool = False
    ids: bool = True
    guards: bool = True
    marks: bool = True
    fresh: bool = True

    def empty(self) -> Store:
        """Return the server before anything happened: both Slots are free."""
        slots = tuple(Kept("Slot", slot.key, 1, _text(_slot(n))) for n, slot in enumerate(SLOTS))
        return Store(slots, slots)

    def handle(self, store: Store, request: Request, *, checked: bool = False) -> tuple[Store, Reply | None]:
        """Carry out a request; None = its condition was checked, and it is carried out when called again."""
        kind, _, key = request.path.partition("/")
        if not request.writes:
            return store, self._get(store, kind, key, request)
        if request.path == "":
            return self._transaction(store, json.loads(request.body), checked=checked)
        headers, body = dict(request.headers), json.loads(request.body)
        if request.method == "POST":
            return self._create(store, kind, body, headers.get("If-None-Exist", ""), checked=checked)
        return self._put(store, kind, key, body, headers)

    def refuses(self, store: Store, request: Request) -> bool:
        """Say whether it refuses a request for ever: versions only grow, and nothing is ever removed."""
        if request.path == "":
            change = json.loads(request.body)["entry"][0]["request"]
            kind, _, key = change["url"].partition("/")
            wanted, heeded = change["ifMatch"], True
        else:
            kind, _, key = request.path.partition("/")
            headers = dict(request.headers)
            if headers.get("If-None-Match") == "*":
                return self.ids and _one(store.kept, kind, key) is not None
            wanted, heeded = headers.get("If-Match", ""), self.guards
        now = _one(store.kept, kind, key)
        return bool(heeded and wanted and now is not None and now.etag != wanted)

    def at_once(self, store: Store, request: Request) -> Store:
        """Carry out a whole request, its check included."""
        after, reply = self.handle(store, request)
        return after if reply is not None else self.handle(store, request, checked=True)[0]

    # ---- reading

    def _get(self, store: Store, kind: str, key: str, request: Request) -> Reply:
        if key:
            one = _one(store.kept, kind, key)
            return _reply(ABSENT, {}) if one is None else _reply(GOOD, one.whole)
        found = self.found(store, kind, request.params)
        rows = [{"resource": one.whole} for one in found]
        if any(name == "date" for name, _ in request.params):  # read as adapters.fhir.resources.Appointment: no version
            for row in rows:
                del row["resource"]["meta"]
        return _reply(GOOD, {"resourceType": "Bundle", "total": len(rows), "entry": rows})

    def found(self, store: Store, kind: str, params: tuple[tuple[str, str], ...]) -> list[Kept]:
        """Return what a search finds."""
        rows = store.kept if self.fresh else store.index
        return [one for one in rows if one.kind == kind and all(_fits(one, *pair) for pair in params)]

    # ---- writing

    def _create(self, store: Store, kind: str, body: Any, name: str, *, checked: bool) -> tuple[Store, Reply | None]:
        if name and self.once and not checked:
            found = self.found(store, kind, tuple(parse_qsl(name)))
            if found:
                return store, _reply(*((GOOD, found[0].whole) if len(found) == 1 else (STALE, {})))
            if not self.alone:
                return store, None
        number = 1 + sum(one.kind == kind for one in store.kept)
        return self._keep(store, kind, f"a{number}", body, CREATED)

    def _put(self, store: Store, kind: str, key: str, body: Any, headers: dict[str, str]) -> tuple[Store, Reply]:
        now = _one(store.kept, kind, key)
        if headers.get("If-None-Match") == "*" and self.ids:  # the id itself lets only one through
            return (store, _reply(STALE, {})) if now else self._keep(store, kind, key, body, CREATED)
        wanted = headers.get("If-Match", "")
        if self.guards and wanted and (now is None or now.etag != wanted):
            return store, _reply(STALE, {})
        return self._keep(store, kind, key, body, GOOD if now else CREATED)

    def _transaction(self, store: Store, bundle: Any, *, checked: bool) -> tuple[Store, Reply | None]:
        """Change a Slot under its ETag and create an Appointment, both or neither."""
        slot, made = bundle["entry"]
        if not checked and self.found(store, "Appointment", tuple(parse_qsl(made["request"]["ifNoneExist"]))):
            return self._half(store, slot)
        if not checked:
            return store, None
        _, _, key = slot["request"]["url"].partition("/")
        now = _one(store.kept, "Slot", key)
        if now is None or now.etag != slot["request"]["ifMatch"]:
            return store, _reply(STALE, {})
        store, _ = self._keep(store, "Slot", key, slot["resource"], GOOD)
        store, _ = self._create(store, "Appointment", made["resource"], "", checked=True)
        return store, _done(GOOD, CREATED)

    def _half(self, store: Store, slot: Any) -> tuple[Store, Reply | None]:
        """Change the Slot alone: the Appointment was there, which is no failure of a transaction."""
        _, _, key = slot["request"]["url"].partition("/")
        now = _one(store.kept, "Slot", key)
        if now is None or now.etag != slot["request"]["ifMatch"]:
            return store, _reply(STALE, {})
        store, _ = self._keep(store, "Slot", key, slot["resource"], GOOD)
        return store, _done(GOOD, GOOD)

    def _keep(self, store: Store, kind: str, key: str, body: Any, status: int) -> tuple[Store, Reply]:
        if kind == "Slot" and not self.marks:
            body = {name: value for name, value in body.items() if name != "identifier"}
        was = _one(store.kept, kind, key)
        one = Kept(kind, key, 1 if was is None else was.version + 1, _text(body))
        store = put(store, one)
        return store, _reply(status, one.whole)


def put(store: Store, one: Kept) -> Store:
    """Return the server with one resource as it is now."""
    others = (each for each in store.kept if (each.kind, each.id) != (one.kind, one.id))
    return store._replace(kept=tuple(sorted((*others, one))))


def times(key: SlotKey) -> dict[str, str]:
    """Return a Slot's times as FHIR writes them."""
    slot = next(slot for slot in SLOTS if slot.key == key)
    return {"start": slot.start.isoformat(), "end": slot.end.isoformat()}


def _slot(n: int) -> dict[str, Any]:
    kind = [{"coding": [{"code": SLOTS[n].type}]}]
    schedule = {"reference": "Schedule/day"}
    return {"resourceType": "Slot", "schedule": schedule, "status": "free", "serviceType": kind, **times(SLOTS[n].key)}


def _one(rows: tuple[Kept, ...], kind: str, key: str) -> Kept | None:
    return next((one for one in rows if (one.kind, one.id) == (kind, key)), None)


def _text(body: dict[str, Any]) -> str:
    return json.dumps({name: value for name, value in body.items() if name not in ("id", "meta")}, sort_keys=True)


def _reply(status: int, body: dict[str, Any]) -> Reply:
    return Reply(status, json.dumps(body, sort_keys=True))


def _done(*states: int) -> Reply:
    entries = [{"response": {"status": str(status)}} for status in states]
    return _reply(GOOD, {"resourceType": "Bundle", "entry": entries})


def _fits(one: Kept, name: str, value: str) -> bool:
    body = json.loads(one.text)
    if name == "identifier":
        system, _, wanted = value.partition("|")
        return any(each["system"] == system and wanted in ("", each["value"]) for each in body.get("identifier") or ())
    if name in ("start", "date"):
        if body.get("start") is None:
            return False
        start, bound = datetime.fromisoformat(body["start"]), datetime.fromisoformat(value[2:])
        return start >= bound if value.startswith("ge") else start < bound
    return True
