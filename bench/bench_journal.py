"""Durable commits of the journal against the disk's own fdatasync, in one run.

Absolute figures swing with the machine; the ratios are what to read. Run: python bench/bench_journal.py
"""

import os
import statistics
import tempfile
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

from agent.core.model import EmrName, Instant, Practitioner, SiteId, Slot, SlotId, SlotKey
from agent.core.sharing import Offered, SharedSlot
from agent.journal import Journal
from agent.journal.box import KEY_BYTES, DataBox
from agent.ports import RawMessage

EMR, SITE = EmrName("emr"), SiteId("site")
NOW = Instant(datetime(2026, 11, 23, 17, tzinfo=UTC), timedelta())
ROUNDS = 5
COMMITS = 300
BODY = b"x" * 900


def _sync_s(folder: Path) -> float:
    """Seconds of one 4 kB append and fdatasync (fsync where there is no fdatasync)."""
    sync = getattr(os, "fdatasync", os.fsync)
    with (folder / "raw").open("ab", buffering=0) as file:
        begin = perf_counter()
        for _ in range(COMMITS):
            file.write(BODY * 4)
            sync(file.fileno())
        return (perf_counter() - begin) / COMMITS


def _commits_s(act: Callable[[int], object], threads: int) -> float:
    """Seconds of one durable act, `threads` at once."""

    def live(thread: int) -> None:
        for n in range(COMMITS // threads):
            act(thread * COMMITS + n)

    workers = [threading.Thread(target=live, args=(n,)) for n in range(threads)]
    begin = perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return (perf_counter() - begin) / (COMMITS // threads * threads)


def _durable(folder: Path) -> None:
    journal = Journal.open(folder / "state", DataBox(os.urandom(KEY_BYTES)), now=NOW)
    raw, records = journal.raw(EMR), journal.records()
    offset = iter(range(10**9))
    figures: dict[str, list[float]] = {}
    syncs = []
    for _ in range(ROUNDS):
        base = next(offset) * 10**7
        syncs.append(_sync_s(folder))

        def keep(n: int, base: int = base) -> object:
            return raw.keep(RawMessage("EMR", str(base + n), BODY, "utf-8", NOW.utc), b"ack")

        for name, act, threads in (
            ("message kept, 1 thread", keep, 1),
            ("message kept, 8 threads", lambda n: keep(n + 10**6), 8),
            ("ledger line, 1 thread", lambda _: records.line("start", BODY, NOW), 1),
        ):
            figures.setdefault(name, []).append(_commits_s(act, threads))
    sync = statistics.median(syncs)
    print(f"raw 4 kB append + fdatasync        {sync * 1e6:8.0f} us   x 1.00")
    for name, values in figures.items():
        took = statistics.median(values)
        print(f"{name:34} {took * 1e6:8.0f} us   x {took / sync:.2f}   {1 / took:7.0f}/s")
    journal.close()


def _views(folder: Path, count: int) -> None:
    start = NOW.utc.replace(minute=0) + timedelta(days=1)
    slots = [
        Slot(EMR, SlotKey(str(n)), SITE, Practitioner("101"), start + timedelta(minutes=n), start + timedelta(minutes=n + 15), "s")
        for n in range(count)
    ]  # fmt: skip
    offered = {
        s.key: Offered(
            s,
            SharedSlot(s.start, s.end, "exact", SITE, "instant", None, NOW.utc, "anyone", "urgent", None, "on-site"),
            "r",
        )
        for s in slots
    }
    view = {key: (SlotId(f"id-{key}"), offer.shared) for key, offer in offered.items()}
    journal = Journal.open(folder / "views", DataBox(os.urandom(KEY_BYTES)), now=NOW)
    views = journal.views(EMR)
    for name, seen in (
        ("first view", view),
        ("unchanged view", view),
        ("view with 10 gone", dict(list(view.items())[10:])),
    ):
        begin = perf_counter()
        did = views.now(seen, offered, NOW)
        print(f"{name + f', {count} slots':34} {(perf_counter() - begin) * 1e3:8.1f} ms   {did} rows changed")
    journal.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as place:
        _durable(Path(place))
        _views(Path(place), 20_000)
