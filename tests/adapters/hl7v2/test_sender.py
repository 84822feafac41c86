"""Sending: one message, its own answer, and every way an answer can go wrong."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.hl7v2.listener import Security
from adapters.hl7v2.mllp import Framer, frame
from adapters.hl7v2.sender import Sender, Towards
from agent.core.errors import Ambiguous, Misconfigured, Refused, Transient

BODY = b"MSH|^~\\&|AG|CL|EMR|CL|20270101||SRM^S01|Q1|P|2.5\r"
WAIT = timedelta(seconds=10)
SHORT = timedelta(milliseconds=150)


def ack(word: str, to: str = "Q1", err: str = "") -> bytes:
    return frame(f"MSH|^~\\&|EMR|CL|AG|CL|20270101||ACK|X|P|2.5\rMSA|{word}|{to}\r{err}".encode())


@contextmanager
def emr(*script: bytes | None) -> Iterator[tuple[int, list[bytes]]]:
    """Answer the nth message with the nth piece of script; None hangs up without an answer, b"" says nothing."""
    server = socket.create_server(("127.0.0.1", 0))
    heard: list[bytes] = []

    def serve() -> None:
        left = list(script)
        while left:
            try:
                sock, _ = server.accept()
            except OSError:
                return
            with sock:
                framer = Framer()
                while left and (data := sock.recv(65536)):
                    for body in framer.feed(data):
                        heard.append(body)
                        say = left.pop(0)
                        if say is None:
                            break
                        sock.sendall(say)
                    else:
                        continue
                    break

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1], heard
    finally:
        server.close()


@contextmanager
def sender(port: int, wait: timedelta = WAIT) -> Iterator[Sender]:
    made = Sender(Towards("127.0.0.1", port, WAIT))
    try:
        if wait is not WAIT:
            made.reach()  # only the answer is waited for so shortly
            made.to = Towards("127.0.0.1", port, wait)
        yield made
    finally:
        made.close()


def test_the_answer_to_this_message_is_returned() -> None:
    """Frame out, frame in; the connection is kept for the next."""
    with emr(ack("AA"), ack("AA")) as (port, heard), sender(port) as to:
        for _ in range(2):
            assert to.exchange(BODY)[0].word == "AA"
        assert heard == [BODY, BODY]


def test_late_and_foreign_answers_are_dropped(caplog: pytest.LogCaptureFixture) -> None:
    """Only MSA-2 = MSH-10 counts; noise and others' answers are warned of."""
    with emr(ack("AR", "Q0") + frame(b"noise") + ack("AA")) as (port, _), sender(port) as to:
        assert to.exchange(BODY)[0].word == "AA"
    assert caplog.text.count("hl7.foreign_answer") == 2


def test_a_commit_is_not_yet_the_answer() -> None:
    """Enhanced mode: CA first, then the application's word; a CE or CR is final enough."""
    with emr(ack("CA") + ack("AA")) as (port, _), sender(port) as to:
        assert to.exchange(BODY)[0].word == "AA"
    with emr(ack("CA")) as (port, _), sender(port) as to:
        assert to.exchange(BODY, application=False)[0].word == "CA"
    with emr(ack("CA")) as (port, _), sender(port, SHORT) as to, pytest.raises(Ambiguous):
        to.exchange(BODY)


@pytest.mark.parametrize(("word", "error"), [("AE", Transient), ("CE", Transient), ("AR", Refused), ("CR", Refused)])
def test_a_no_is_one_of_the_family(word: str, error: type[Exception]) -> None:
    """E: come again; R: never."""
    with emr(ack(word, err="ERR|||207|E\r")) as (port, _), sender(port) as to, pytest.raises(error, match="207"):
        to.exchange(BODY)


@pytest.mark.parametrize("say", [b"", None])
def test_sent_and_not_answered_may_have_happened(say: bytes | None) -> None:
    """Silence and a cut line are Ambiguous; the next message goes over a new connection."""
    with emr(say, ack("AA")) as (port, heard), sender(port, SHORT) as to:
        with pytest.raises(Ambiguous):
            to.exchange(BODY)
        to.to = Towards("127.0.0.1", port, WAIT)
        assert to.exchange(BODY)[0].word == "AA"
        assert heard == [BODY, BODY]


def test_nobody_there_is_surely_not_done() -> None:
    """Transient: nothing was sent."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with sender(port) as to, pytest.raises(Transient):
        to.exchange(BODY)


def test_closing_ends_a_wait() -> None:
    """close() from another thread; afterwards nothing is sent any more."""
    with emr(b"") as (port, heard):
        to = Sender(Towards("127.0.0.1", port, timedelta(minutes=10)))
        failed: list[Exception] = []

        def wait() -> None:
            try:
                to.exchange(BODY)
            except Ambiguous as error:
                failed.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        while not heard:
            thread.join(0.01)
        to.close()
        thread.join(120)
        assert len(failed) == 1
        with pytest.raises(Transient):
            to.exchange(BODY)


def test_an_answer_that_came_too_late_is_not_taken_for_the_next(serving: Any) -> None:
    """The connection of a lost answer is dropped with whatever still comes over it."""
    with emr(b"", ack("AA", "Q0") + ack("AA")) as (port, _), sender(port, SHORT) as to:
        with pytest.raises(Ambiguous):
            to.exchange(BODY)
        to.to = Towards("127.0.0.1", port, WAIT)
        assert to.exchange(BODY)[0].to == "Q1"


def test_tls_both_ways(serving: Any, certificate: Callable[[str], tuple[Path, Path]]) -> None:
    """The EMR's certificate is pinned, ours is shown; a wrong pin is surely not done."""
    emr_side, ours = certificate("dme"), certificate("creneau")
    with serving(security=Security(*emr_side, peers=ours[0])) as here:
        good = Sender(Towards("127.0.0.1", here.port, WAIT, emr_side[0], *ours))
        with pytest.raises(Refused):
            good.exchange(BODY)  # a request is not for us to fill
        good.close()
        wrong = Sender(Towards("127.0.0.1", here.port, WAIT, ours[0], *ours))
        with pytest.raises(Transient):
            wrong.exchange(BODY)
        lost = Sender(Towards("127.0.0.1", here.port, WAIT, Path("none.pem")))
        with pytest.raises(Misconfigured):
            lost.exchange(BODY)
