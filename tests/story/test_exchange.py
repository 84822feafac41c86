"""What agent and hub say to each other, read by somebody who knows only the published documents."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.core.envelope import Envelope, public_jwk
from agent.hublink import HubLink
from agent.ports import Answer
from agent.wiring.sample import CLINIC, Sample

READER = Path(__file__).with_name("read_exchange.py")
PUBLISHED = Path(__file__).parents[2] / "docs" / "vectors" / "recorded" / "exchange.json"
PATIENT = {
    "family": "Tremblay",
    "given": "Rosalie",
    "born": "1991-04-12",
    "nam": "TRER91541218",
    "phone": "418 555-0187",
}


def read(file: Path) -> subprocess.CompletedProcess[str]:
    """Run the independent reader in a process of its own, out of reach of our code."""
    return subprocess.run(
        [sys.executable, "-I", str(READER), str(file)], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def spoken(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """Every request of the agent with its answer, in the order of the answers; enrolment aside."""
    heard: list[dict[str, str]] = []
    call = HubLink.call

    def record(link: HubLink, envelope: Envelope, wait: timedelta) -> Answer:
        answer = call(link, envelope, wait)
        if envelope.verb != "enrol":
            heard.append({"verb": envelope.verb, "request": envelope.jws, "answer": answer.jws})
        return answer

    monkeypatch.setattr(HubLink, "call", record)
    return heard


def wait_for(sample: Sample, booking: str, version: int) -> str:
    """Return the outcome of a version once it came."""
    ends = sample.time() + timedelta(seconds=120)
    while sample.time() < ends:
        told, word = sample.portal.outcome(CLINIC, booking)
        if told == version:
            return word
    pytest.fail(f"no outcome of {booking} version {version}")


def offered(sample: Sample) -> list[dict[str, Any]]:
    """Return the slots at the hub once there are some."""
    ends = sample.time() + timedelta(seconds=120)
    while sample.time() < ends:
        if slots := sample.portal.slots():
            return slots
    pytest.fail("no slot reached the hub")


def test_a_stranger_can_verify_a_live_exchange(tmp_path: Path, spoken: list[dict[str, str]]) -> None:
    """Signatures, bindings, roots, receipts, order lines and outcomes hold for a reader written from the documents."""
    with Sample(tmp_path) as sample:
        sample.enrol()
        sample.start()
        slot = offered(sample)[-1]
        until = sample.time() + timedelta(minutes=5)
        sample.portal.hold(CLINIC, "exchange-1", 1, slot["id"], now=sample.time(), until=until)
        assert wait_for(sample, "exchange-1", 1) == "held"
        sample.portal.book(CLINIC, "exchange-1", 2, slot["id"], PATIENT, now=sample.time())
        assert wait_for(sample, "exchange-1", 2) == "booked"
        sample.portal.cancel(CLINIC, "exchange-1", 3)
        assert wait_for(sample, "exchange-1", 3) == "cancelled"
        assert sample.agent is not None
        keys = sample.agent.state.keys
        record = {
            "clinic_keys": [public_jwk(keys.signing())],
            "hub_keys": [public_jwk(key) for key in keys.hub().values()],
            "messages": list(spoken),
        }
    file = Path(os.environ.get("CRENEAU_RECORD", tmp_path / "exchange.json"))
    file.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    done = read(file)
    assert done.returncode == 0, done.stderr
    assert "'orders_seen': 3" in done.stdout


def test_the_published_exchange_still_reads() -> None:
    """The wire of the recorded exchange is the wire of today's documents."""
    done = read(PUBLISHED)
    assert done.returncode == 0, done.stderr
    assert "'orders_seen': 3" in done.stdout


@pytest.mark.parametrize("part", ["request", "answer"])
def test_the_reader_is_no_rubber_stamp(tmp_path: Path, part: str) -> None:
    """One letter changed anywhere in a message makes the independent reader refuse the exchange."""
    record = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    jws = record["messages"][-1][part]
    middle = jws.index(".") + 12
    record["messages"][-1][part] = jws[:middle] + ("A" if jws[middle] != "A" else "B") + jws[middle + 1 :]
    file = tmp_path / "bent.json"
    file.write_text(json.dumps(record), encoding="utf-8")
    assert read(file).returncode != 0
