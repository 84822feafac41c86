"""10,000 FHIR slots read and compared, beside fhir.resources and fhirpy on the same bytes in the same run.

Each figure comes from a process of its own; the server is another process on the same cores. The ratios are what to
read. Run: python bench/bench_fhir.py
"""

import json
import resource
import statistics
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import perf_counter
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

SLOTS, DAYS, DOCTORS, PAGE, ROUNDS = 10_000, 14, 20, 500, 5
START = datetime(2026, 11, 23, tzinfo=UTC)
READERS = ("ours", "fhir.resources", "fhirpy", "json")


def pages():
    """Return a day's slots, in order, as the server's own text: {day: [resource text]}."""
    days = {}
    for n in range(SLOTS):
        day, rest = divmod(n, SLOTS // DAYS + 1)
        who, cell = rest % DOCTORS, rest // DOCTORS
        start = START + timedelta(days=day, hours=12, minutes=10 * cell)
        slot = {
            "resourceType": "Slot",
            "id": f"slot-{n:05}",
            "meta": {"versionId": "1", "lastUpdated": "2026-11-01T12:00:00.000Z"},
            "serviceType": [{"coding": [{"system": "urn:type", "code": "s"}], "text": "Sans rendez-vous"}],
            "schedule": {"reference": f"Schedule/sched-{who}"},
            "status": "free",
            "start": start.isoformat(),
            "end": (start + timedelta(minutes=10)).isoformat(),
        }
        days.setdefault(day, []).append(json.dumps(slot))
    return days


class Server(BaseHTTPRequestHandler):
    """Slots by day and page, schedules by id, no appointment."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 20
    days: ClassVar = {}

    def do_GET(self):
        where = urlsplit(self.path)
        asked, kind = parse_qs(where.query), where.path.split("/")[2]
        if kind == "Schedule":
            key = where.path.rpartition("/")[2]
            actor = [{"reference": f"Practitioner/{key[6:]}"}]
            self.put(json.dumps({"resourceType": "Schedule", "id": key, "actor": actor}))
            return
        found = []
        if kind == "Slot":
            bounds = [bound for bound in asked.get("start", []) if bound.startswith("ge")]
            day = (datetime.fromisoformat(bounds[0][2:]) - START).days if bounds else 0
            found = self.days.get(day, [])
        first, size = int(asked.get("_offset", ["0"])[0]), int(asked.get("_count", ["20"])[0])
        rest = "&".join(f"{key}={one}" for key, many in asked.items() if key != "_offset" for one in many)
        link = [{"relation": "self", "url": self.path}]
        if first + size < len(found):
            host = f"http://{self.headers['Host']}{where.path}"
            link.append({"relation": "next", "url": f"{host}?{rest}&_offset={first + size}".replace("+", "%2B")})
        entry = ",".join(f'{{"resource":{one}}}' for one in found[first : first + size])
        head = f'{{"resourceType":"Bundle","type":"searchset","total":{len(found)},"link":{json.dumps(link)}'
        self.put(f'{head},"entry":[{entry}]}}' if entry else head + "}")

    def put(self, text):
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/fhir+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve():
    Server.days = pages()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    print(server.server_address[1], flush=True)
    server.serve_forever()


# ---- the readers: (slots found, a way to compare them with an older reading)


def ours(base):
    from adapters.conformance import tools
    from adapters.fhir.factory import open_
    from agent.core.model import Window

    emr = open_("bench", {"server": base}, tools())
    slots = emr.slots(Window(START, START + timedelta(days=DAYS))).slots
    emr.close()
    return {slot.key: slot for slot in slots}


def days():
    for day in range(DAYS):
        yield START + timedelta(days=day), START + timedelta(days=day + 1)


def fetched(base):
    import httpx

    with httpx.Client(trust_env=False) as client:
        for first, last in days():
            url = f"{base}/Slot"
            params = [("start", f"ge{first:%Y-%m-%dT%H:%M:%SZ}"), ("start", f"lt{last:%Y-%m-%dT%H:%M:%SZ}")]
            query = [*params, ("_count", str(PAGE))]
            while url:
                body = client.get(url, params=query).content
                url = next((one["url"] for one in json.loads(body)["link"] if one["relation"] == "next"), "")
                query = None
                yield body


def parsed(base):
    from fhir.resources.R4B.bundle import Bundle

    found = {}
    for body in fetched(base):
        for entry in Bundle.model_validate_json(body).entry or ():
            found[entry.resource.id] = entry.resource
    return found


def plain(base):
    return {
        one["resource"]["id"]: one["resource"] for body in fetched(base) for one in json.loads(body).get("entry", ())
    }


def fhirpy(base):
    from fhirpy import SyncFHIRClient

    client, found = SyncFHIRClient(base), {}
    for first, last in days():
        bounds = {"start__ge": f"{first:%Y-%m-%dT%H:%M:%SZ}", "start__lt": f"{last:%Y-%m-%dT%H:%M:%SZ}"}
        for slot in client.resources("Slot").search(**bounds).limit(PAGE).fetch_all():
            found[slot["id"]] = slot
    return found


def once(name, base):
    """Read twice in this process; print seconds of the second read, of its comparison, and the peak memory."""
    reader = {"ours": ours, "fhir.resources": parsed, "fhirpy": fhirpy, "json": plain}[name]
    before = reader(base)
    began = perf_counter()
    now = reader(base)
    read = perf_counter() - began
    if len(now) != SLOTS:
        raise SystemExit(f"{name} found {len(now)} slots")
    if name == "ours":
        moved = [key for n, key in enumerate(now) if n % 100 == 0]
        now = {**now, **{key: replace(now[key], type="S") for key in moved}}
    began = perf_counter()
    changed = [key for key, one in now.items() if before.get(key) != one]
    gone = before.keys() - now.keys()
    compared = perf_counter() - began
    if name == "ours" and (len(changed), len(gone)) != (SLOTS // 100, 0):
        raise SystemExit(f"{len(changed)} changed")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([read, compared, peak]))


def main():
    server = subprocess.Popen([sys.executable, __file__, "serve"], stdout=subprocess.PIPE, text=True)
    try:
        base = f"http://127.0.0.1:{int(server.stdout.readline())}/fhir"
        figures = {name: [] for name in READERS}
        for _ in range(ROUNDS):
            for name in READERS:
                done = subprocess.run(
                    [sys.executable, __file__, name, base], capture_output=True, text=True, check=False
                )
                if done.returncode:
                    raise SystemExit(done.stderr)
                figures[name].append(json.loads(done.stdout.splitlines()[-1]))
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()
    mine = statistics.median(row[0] for row in figures["ours"])
    print(f"{SLOTS} slots of {DAYS} days in pages of {PAGE}, HTTP included; {ROUNDS} rounds, one process a figure")
    print("ours: read, judged, in the sites' zones, with appointments; the others: fetched and parsed only")
    for name, rows in figures.items():
        read = statistics.median(row[0] for row in rows)
        every = ", ".join(f"{row[0]:.2f}" for row in rows)
        compared, peak = statistics.median(row[1] for row in rows), statistics.median(row[2] for row in rows)
        print(
            f"{name:15} x{read / mine:.2f} of ours  {read:.2f} s  diff {compared * 1e3:.1f} ms  peak {peak:.0f} MB  all [{every}]"
        )


if __name__ == "__main__":
    if len(sys.argv) == 2:
        serve()
    elif len(sys.argv) == 3:
        once(*sys.argv[1:])
    else:
        main()
