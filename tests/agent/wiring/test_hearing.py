"""A source that listens: started with the agent, started again when it ends, stopped first."""

import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.hl7v2.ack import read_ack
from adapters.hl7v2.sender import Sender, Towards
from agent.core.errors import Transient
from agent.core.message import say
from agent.core.model import EmrName, Instant
from agent.ports import Kept, RawMessage, Stop
from agent.wiring.hearing import Listen, listener
from agent.wiring.sample import Sample

NOW = Instant(datetime(2026, 11, 23, 12, tzinfo=UTC), timedelta(hours=1))
SIU = b"MSH|^~\\&|DME|CL|||20261123120000||SIU^S12|M%d|P|2.5\rSCH||F1|||||||||^^15^202611240900\rAIP|1|A|101\r"


class Server:
    """Serves until stop; ends at once with an error as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.began = threading.Semaphore(0)

    def serve(self, stop: Stop, wake: Callable[[], None]) -> None:
        self.began.release()
        if self.failures:
            self.failures -= 1
            raise Transient(say("listen"), say("the address is taken"))
        wake()
        stop.wait(120)


def until(ready: Callable[[], object]) -> None:
    """Wait until `ready` is true, at most 120 s."""
    for _ in range(2400):
        if ready():
            return
        threading.Event().wait(0.05)
    pytest.fail("did not come in time")


def test_a_server_runs_in_a_thread_of_its_own_and_ends_on_close() -> None:
    """The step returns at once; it is not started twice."""
    server, woken = Server(), threading.Event()
    post = Listen("listen:dme", server, woken.set)
    post.step(NOW)
    assert woken.wait(120)
    assert post.step(NOW).did == 0
    post.close()
    assert server.began.acquire(timeout=120)
    assert not server.began.acquire(blocking=False)


def test_a_server_that_ends_is_said_and_started_again() -> None:
    """The step after it raises what it ended by; the one after that starts it again."""
    server = Server(failures=1)
    post = Listen("listen:dme", server, lambda: None)
    post.step(NOW)
    until(lambda: post._fault is not None)
    with pytest.raises(Transient):
        post.step(NOW)
    post.step(NOW)
    assert server.began.acquire(timeout=120)
    assert server.began.acquire(timeout=120)
    post.close()


def test_a_source_that_does_not_listen_has_no_post() -> None:
    """Nothing is started for it."""
    assert listener(object(), EmrName("dme"), lambda: None) is None  # type: ignore[arg-type]


def test_notices_wake_the_readers_of_another_source(tmp_path: Path) -> None:
    """A feed beside a database: what it tells of is read at once, and its messages are in the journal."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Sample(tmp_path, poll=timedelta(hours=1)) as sample:
        text = sample.file.read_text(encoding="utf-8")
        feed = f'[[emr]]\nid = "avis"\nadapter = "hl7"\nrole = "wake"\nlisten = "127.0.0.1:{port}"\npoll = "1h"\n\n[[site]] '
        sample.file.write_text(text.replace("[[site]] ", feed, 1), encoding="utf-8")
        sample.enrol()
        sample.start()
        assert sample.agent is not None
        until(sample.well)
        board, store = sample.agent.state.board, sample.agent.state.journal.raw(EmrName("avis"))
        assert "listen:avis" in board.read().legs
        before = board.read().reads[EmrName("dme")]
        sender = Sender(Towards("127.0.0.1", port, timedelta(seconds=120)))
        assert read_ack(sender.ask(SIU % 1)[1]).word == "AA"
        sender.close()
        until(lambda: board.read().reads[EmrName("dme")].age > before.age)
        again = RawMessage("DME^CL", "M1", SIU % 1, "", sample.time())
        assert store.keep(again, b"").kept is Kept.REPEAT
        lines = {line["name"]["id"]: line["severity"] for line in sample.ask("status")["lines"]}
        assert lines["Hearing the EMR"] == "ok"
