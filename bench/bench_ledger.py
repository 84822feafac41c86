"""A ledger of a million lines: cost of an append, time to prove it, size on the disk; each beside its limit.

The limit of an append is the disk's own fdatasync; of a proof, SHA-256 over the same bytes; of a receipt, one bare
Ed25519 verification. Run: python bench/bench_ledger.py [lines]
"""

import hashlib
import os
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

from joserfc.jwk import OKPKey

from agent.core.chain import FIRST
from agent.core.envelope import answer, jwks, named, payload_hash, seal, verify
from agent.core.model import Instant
from agent.core.proof import Examiner
from agent.journal import Journal
from agent.journal.box import KEY_BYTES, DataBox
from agent.journal.ledger import append

NOW = Instant(datetime(2026, 11, 23, 17, tzinfo=UTC), timedelta())
BODY = b"x" * 700
"""About what a minute's difference and its receipt take, on average."""
BATCH = 5000
QUOTA_MB = 8192
SINGLE = 300
PAIRS = 500


def _fdatasync_s(folder: Path) -> float:
    sync = getattr(os, "fdatasync", os.fsync)
    with (folder / "raw").open("ab", buffering=0) as file:
        begin = perf_counter()
        for _ in range(SINGLE):
            file.write(BODY * 4)
            sync(file.fileno())
        return (perf_counter() - begin) / SINGLE


def _appends(folder: Path, lines: int) -> Journal:
    journal = Journal.open(folder / "state", DataBox(os.urandom(KEY_BYTES)), quota_mb=QUOTA_MB, now=NOW)
    records = journal.records()
    begin = perf_counter()
    for _ in range(SINGLE):
        records.line("sent", BODY, NOW)
    single = (perf_counter() - begin) / SINGLE
    disk = _fdatasync_s(folder)
    print(
        f"append, durable, one at a time   {single * 1e6:8.0f} us   fdatasync {disk * 1e6:8.0f} us   x {single / disk:.2f}"
    )
    begin, left = perf_counter(), lines - SINGLE
    while left > 0:
        count = min(BATCH, left)
        journal.write(lambda tx, count=count: [append(tx, "sent", BODY, NOW.utc) for _ in range(count)])
        left -= count
    each = (perf_counter() - begin) / max(1, lines - SINGLE)
    print(f"append, within a transaction     {each * 1e6:8.1f} us")
    return journal


def _proof(journal: Journal, folder: Path, lines: int) -> None:
    begin = perf_counter()
    bad = journal.records().verify()
    took = perf_counter() - begin
    digest, begin = hashlib.sha256(), perf_counter()
    for _ in range(lines):
        digest.update(BODY)
    bare = perf_counter() - begin
    print(f"verify {lines} lines         {took:8.1f} s    SHA-256 of the bodies {bare:6.1f} s   bad line: {bad}")
    journal._store.truncate()  # noqa: SLF001 - the size without what waits in the log
    size = (folder / "state" / "journal.db").stat().st_size
    raw = len(BODY) * lines
    print(
        f"file                             {size / 1e6:8.1f} MB   the bodies alone {raw / 1e6:8.1f} MB   x {size / raw:.2f}"
    )


def _receipts(folder: Path) -> None:
    agent, hub = (OKPKey.generate_key("Ed25519") for _ in range(2))
    journal = Journal.open(folder / "signed", DataBox(os.urandom(KEY_BYTES)), now=NOW)
    records, texts = journal.records(), []
    said = b'{"hub":"h","fingerprint":"f","keys":' + str(jwks(named([hub]))).replace("'", '"').encode() + b"}"
    records.line("enrol", said, NOW)
    for n in range(PAIRS):
        sent = seal("outcomes", {"outcomes": []}, agent, iss="c", aud="h", jti=f"j{n}", now=NOW.utc).jws
        body = {"body_sha256": payload_hash(sent)}
        text = answer("outcomes", body, hub, iss="h", aud="c", jti="a", to=sent, re=f"j{n}", now=NOW.utc, log="l")
        texts.append(text)
        journal.write(
            lambda tx, sent=sent, text=text: [
                append(tx, "sent", sent.encode(), NOW.utc),
                append(tx, "receipt", text.encode(), NOW.utc),
            ]
        )
    lines = records.ledger(0, 10 * PAIRS)
    begin = perf_counter()
    proof = Examiner(FIRST, 0).take(lines)
    took = (perf_counter() - begin) / PAIRS
    begin = perf_counter()
    for text in texts:
        verify(text, named([hub]), "creneau-outcomes-answer+jws")
    bare = (perf_counter() - begin) / PAIRS
    print(
        f"prove one message and receipt    {took * 1e6:8.0f} us   the signature alone {bare * 1e6:6.0f} us   proved: {proof.receipts}"
    )
    journal.close()


def main() -> None:
    """Print the figures."""
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as place:
        folder = Path(place)
        journal = _appends(folder, lines)
        _proof(journal, folder, lines)
        journal.close()
        _receipts(folder)


if __name__ == "__main__":
    main()
