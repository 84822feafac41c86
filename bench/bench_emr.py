"""Every mapping on private servers: rows a second, time to the full picture, share of the EMR's time, her wait; then
OSCAR whole: read + rules + diff, an unchanged poll, a freed slot, order to outcome.

Each beside a naive reader, one SQL statement or the disk's sync of the same run; absolute figures swing with the machine.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path

import agendas
from agendas import DME, SITE
from measuring import fdatasync_ms, until

from adapters.sql import private
from adapters.sql import sample as clinic
from adapters.sql.emr import SHARE, SqlEmr
from adapters.sql.oscar import Oscar, Terms
from adapters.sql.session import Work
from agent.board import MemoryBoard
from agent.clock import SystemClock
from agent.core.booking import Op, Write
from agent.core.model import BookingId, Instant, Patient, SlotId, Window
from agent.core.sharing import Accord, Allow, Match, PublishAs, SharingRules
from agent.journal import Journal
from agent.journal.box import KEY_BYTES, DataBox
from agent.legs.publish import Publish
from agent.wiring.sample import CLINIC, Sample

NOW = Instant(datetime(2026, 11, 22, 12, tzinfo=UTC), timedelta(hours=1))
WINDOW = Window(NOW.utc, NOW.utc + timedelta(days=91))
ROUNDS, ORDERS, FREED, BOOKINGS = 5, 60, 12, 150
PATIENT = {"family": "Tremblay", "given": "Rosalie", "born": "1991-04-12", "nam": "TRER91541218"}

PURE_SQL = """WITH cells AS (
  SELECT sd.provider_no, sd.sdate, SEC_TO_TIME(s.seq * 900) AS first, SEC_TO_TIME(s.seq * 900 + 900) AS last
  FROM scheduledate sd
  LEFT JOIN scheduletemplate own ON own.provider_no = sd.provider_no AND own.name = sd.hour
  LEFT JOIN scheduletemplate pub ON pub.provider_no = 'Public' AND pub.name = sd.hour
  JOIN seq_0_to_95 s
  WHERE sd.status = 'A' AND sd.available = '1' AND sd.sdate BETWEEN ? AND ?
    AND SUBSTR(COALESCE(own.timecode, pub.timecode), s.seq + 1, 1) <> '_')
SELECT COUNT(*) FROM cells c WHERE NOT EXISTS (SELECT 1 FROM appointment a WHERE a.provider_no = c.provider_no
  AND a.appointment_date = c.sdate AND a.start_time < c.last AND (a.end_time > c.first OR a.start_time >= c.first)
  AND (a.status IS NULL OR LEFT(a.status, 1) NOT IN ('C', 'D')))"""


def spread(values):
    values = sorted(values)
    return values[len(values) // 2], values[min(len(values) - 1, int(len(values) * 0.95))]


def ms(values):
    return "[" + ", ".join(f"{value * 1e3:.0f}" for value in values) + "] ms"


def p99(values):
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.99))]


def mappings():
    """Each EMR in turn: how fast it is read, what that takes of its time, and who waits while we book."""
    with agendas.every() as makers:
        for make in makers:
            agenda = make()
            picture(agenda)
            waiting(agenda)


def picture(agenda):
    emr, read, counted = agenda.make(StillClock()), [], [0]
    rows = Work.rows

    def counting(work, sql, *values):
        found = rows(work, sql, *values)
        counted[0] += len(found)
        return found

    Work.rows = counting
    slots = emr.slots(WINDOW).slots
    Work.rows = rows
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        emr.slots(WINDOW)
        read.append((time.perf_counter() - begun, emr.rest(NOW) / timedelta(seconds=SHARE - 1)))
    emr.close()
    cells = [(who, agendas.at(day, q)) for day in agendas.DAYS for who in agendas.DOCTORS for q in agendas.QUARTERS]
    if agenda.name.startswith("openemr"):
        cells = [(who, wall) for who, wall in cells if wall.date() not in agendas.OFF]
    begun = time.perf_counter()
    with closing(agenda.desk()) as base:
        naive = sum(base.execute(agenda.naive, agenda.ask(who, w)).fetchone()[0] == agenda.free for who, w in cells)
        base.rollback()
    one_by_one = time.perf_counter() - begun
    assert len(slots) == naive, (agenda.name, len(slots), naive)
    whole, asked = (statistics.median(column) for column in zip(*read, strict=True))
    print(
        f"{agenda.name:25} full picture {whole * 1e3:4.0f} ms, x{one_by_one / whole:.0f} faster than {len(cells)} questions "
        f"({one_by_one:.1f} s)  {counted[0] / asked:,.0f} rows/s  in the EMR {asked * 1e3:.0f} ms = {asked / 60 * 100:.2f} % "
        f"of a 60 s tick (limit 2), {len(slots)} slots"
    )


def waiting(agenda):
    """She saves visits of other doctors, first alone, then while we book without a pause; p99 of her wait."""
    emr = agenda.make(StillClock())
    slots = [slot for slot in emr.slots(WINDOW).slots if slot.practitioner.key == agendas.DOCTORS[0]][:BOOKINGS]
    alone, ends = waits(agenda, threading.Event(), 150), threading.Event()
    beside, mine = [], []
    desk = threading.Thread(target=lambda: beside.extend(waits(agenda, ends, 100_000)))
    desk.start()
    for n, slot in enumerate(slots):
        someone = Patient(BookingId(f"bench-{n:05}"), 1, "Tremblay", "Rosalie", date(1991, 4, 12))
        begun = time.perf_counter()
        effect = emr.write(Write(someone.booking, 1, Op.BOOK, slot, None, None, someone, None))
        mine.append(time.perf_counter() - begun)
        assert effect.outcome in ("booked", "conflict"), effect
    ends.set()
    desk.join()
    emr.close()
    print(
        f"{'':25} her wait p99 {p99(beside) * 1e3:.1f} ms while we book, x{p99(beside) / p99(alone):.1f} of {p99(alone) * 1e3:.1f} ms "
        f"alone  (n={len(beside)})  our booking p50 {statistics.median(mine) * 1e3:.1f}  p99 {p99(mine) * 1e3:.1f} ms (n={len(mine)})"
    )


def waits(agenda, ends, most):
    """Save visits at other doctors' times until told to end; return how long each took."""
    spent, days = [], agendas.DAYS
    with closing(agenda.desk()) as base:
        for n in range(most):
            if ends.is_set():
                break
            wall = agendas.at(days[n % 60], agendas.QUARTERS[n % 32])
            begun = time.perf_counter()
            base.execute(agenda.save, agenda.say(agendas.DOCTORS[1 + n % 9], wall))
            base.commit()
            spent.append(time.perf_counter() - begun)
    return spent


def rules():
    people = [(DME, who) for who in agendas.DOCTORS]
    return SharingRules(
        enabled=True,
        expires=date(2028, 1, 1),
        types={(DME, "1"): "suivi"},
        roster={who: Accord(f"Dr {who[1]}", date(2026, 1, 1)) for who in people},
        allow=(Allow("tout", 1, Match(practitioners=frozenset(people)), PublishAs("anyone", "routine", "on-site")),),
        horizon=timedelta(days=91),
        min_notice=timedelta(0),
        zones={SITE: "America/Toronto"},
    )


def reading(server, folder):
    dates, busy = agendas.oscar_tables(server)
    print(f"data: 10 doctors x 90 days, {dates} schedule days, {busy} appointments")
    emr = SqlEmr(Oscar(Terms(DME, agendas.SITES)), server.dialect(), StillClock())
    ids = (SlotId(f"id-{n:019}") for n in count())
    journal = Journal.open(folder / "state", DataBox(os.urandom(KEY_BYTES)), now=NOW)
    bookings = journal.bookings(DME)
    leg = Publish(
        emr,
        journal.views(DME),
        rules,
        MemoryBoard(NOW, "boot"),
        ids,
        lambda id_: bookings.slot(id_, None),
        timedelta(minutes=1),
    )
    begun = time.perf_counter()
    first = leg.step(NOW).did
    whole = time.perf_counter() - begun
    ours, theirs, polls, wal = [], [], [], (folder / "state" / "journal.db-wal")
    with closing(server.root("oscar")) as root:
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            slots = emr.slots(WINDOW).slots
            ours.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            pure = root.execute(PURE_SQL, (f"{agendas.START}", f"{agendas.START + timedelta(days=90)}")).fetchone()[0]
            theirs.append(time.perf_counter() - begun)
            size = wal.stat().st_size if wal.exists() else 0
            begun = time.perf_counter()
            did = leg.step(NOW).did
            polls.append(time.perf_counter() - begun)
            grown = (wal.stat().st_size if wal.exists() else 0) - size
            assert (did, grown) == (0, 0), (did, grown)
    assert len(slots) == pure, (len(slots), pure)
    a, b = statistics.median(ours), statistics.median(theirs)
    print(
        f"read {len(slots)} slots          x{a / b:.2f} of one SQL statement ({b * 1e3:.0f} ms)  {a * 1e3:.0f} ms  all {ms(ours)}"
    )
    poll = statistics.median(polls)
    print(
        f"read + rules + diff      x{poll:.2f} of the 1 s allowed  {poll * 1e3:.0f} ms  all {ms(polls)}; first, {first} rows written: {whole * 1e3:.0f} ms"
    )
    print("unchanged poll           0 rows, 0 bytes of journal, in every repetition")
    emr.close()
    journal.close()


class StillClock:
    def now(self):
        return NOW


@dataclass
class OscarSample(Sample):
    """The sample place, its clinic on MariaDB."""

    server: private.Server | None = None

    def __enter__(self):
        super().__enter__()
        self.server.load(clinic.tables(self.emr))
        self.ask("secret-set", name="dme", value=private.PASSWORD)
        return self

    def _answers(self):
        mine = {"emr.connection": self.server.connection, "emr.user": private.USER, "booking.max_per_hour": 10_000}
        return {**super()._answers(), **mine}


def town(server, folder, poll):
    with OscarSample(folder, poll=timedelta(seconds=poll), server=server) as sample:
        sample.enrol()
        said = folder / "agent.log"
        with said.open("wb") as log:
            agent = subprocess.Popen(
                [sys.executable, "-m", "agent", "--config", str(sample.file), "run"], stdout=log, stderr=log
            )
        try:
            until(sample.portal.slots)
            spent = []
            for n in range(ORDERS):
                slot, name = sample.portal.slots()[-1], f"bench-order-{n}"
                begun = time.perf_counter()
                sample.portal.book(CLINIC, name, 1, slot["id"], PATIENT, now=sample.time())
                until(lambda name=name: sample.portal.outcome(CLINIC, name)[1])
                spent.append((time.perf_counter() - begun) * 1e3)
            sync = fdatasync_ms(folder)
            p50, p95 = spread(spent)
            print(
                f"order to outcome         x{p50 / sync:.0f} fdatasync ({sync:.2f} ms)  p50 {p50:.0f}  p95 {p95:.0f} ms  "
                f"(limit 500)  poll {poll} s, n={ORDERS}, portal polling included"
            )
            freed(sample, server, poll)
        except SystemExit:
            print(said.read_text(encoding="utf-8")[-3000:])
            raise
        finally:
            agent.terminate()
            agent.wait(20)


def freed(sample, server, poll):
    """A receptionist cancels; when may anyone book that time?"""
    desk, spent = clinic.Receptionist(server.desk()), []
    offered = sample.portal.slots()
    chosen = sorted({slot["start"] for slot in offered})[:: max(1, len(offered) // FREED)][:FREED]
    taken = [
        (at, [desk.book(who, datetime.fromisoformat(at).replace(tzinfo=None)) for who in ("101", "102", "103")])
        for at in chosen
    ]
    until(lambda: not set(chosen) & {slot["start"] for slot in sample.portal.slots()})
    for at, numbers in taken:
        begun = time.perf_counter()
        for number in filter(None, numbers):  # one of them is the doctor whose time was offered
            desk.cancel(number)
        until(lambda at=at: at in {slot["start"] for slot in sample.portal.slots()})
        spent.append(time.perf_counter() - begun)
    p50, p95 = spread(spent)
    print(
        f"freed slot to hub        x{p95 / (poll + 2):.2f} of tick + 2 s  p50 {p50:.2f}  p95 {p95:.2f} s  tick {poll} s, n={FREED}"
    )


def main():
    if why := private.missing():
        print(f"left out: {why}")
        return
    mappings()
    with tempfile.TemporaryDirectory() as name, private.serving(durable=True) as server:
        folder = Path(name)
        reading(server, folder)
        for poll in (1, 5):
            server.empty()
            place = folder / f"poll-{poll}"
            place.mkdir()
            town(server, place, poll)
    print(
        f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, Python {sys.version.split()[0]}, {SystemClock().now().utc:%Y-%m-%d}"
    )


if __name__ == "__main__":
    main()
