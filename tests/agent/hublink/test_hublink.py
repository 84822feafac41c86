"""The hub link against a real HTTPS server: what is sent, what counts as an answer, what is sent again."""

from datetime import timedelta

import pytest

from agent.hublink import MOST_BYTES, HubLink
from tests.agent.hublink.scene import JOSE, NO_WAIT, Reply, Server, cause_of, envelope


def test_sends_the_envelope_and_returns_the_answer(server: Server, link: HubLink) -> None:
    """One POST with the envelope's own bytes, and the answer comes back unread."""
    answer = link.call(envelope(), NO_WAIT)
    path, body, headers = server.seen[0]
    assert (answer.jws, path, body) == ("a.b.c", "/v1/offer", b"eyJh.eyJi.c2ln")
    assert headers["content-type"] == "application/jose"
    assert headers["accept-encoding"] == "identity"
    assert answer.took >= timedelta(0)


def test_keeps_the_connection_open(server: Server, link: HubLink) -> None:
    """Two calls use one connection."""
    link.call(envelope(), NO_WAIT)
    with link._lines._lock:
        first = set(link._lines._handles)
    link.call(envelope("beat"), NO_WAIT)
    with link._lines._lock:
        assert link._lines._handles == first


def test_a_problem_status_with_a_signed_body_is_an_answer(server: Server, link: HubLink) -> None:
    """HTTP only mirrors: 409 with application/jose is the hub speaking."""
    server.replies = [Reply(409)]
    assert link.call(envelope(), NO_WAIT).jws == "a.b.c"
    assert len(server.seen) == 1


def test_a_signed_rate_limit_is_not_sent_again(server: Server, link: HubLink) -> None:
    """A signed 429 is for the leg to obey."""
    server.replies = [Reply(429)]
    assert link.call(envelope(), NO_WAIT).jws == "a.b.c"
    assert len(server.seen) == 1


@pytest.mark.parametrize("status", [200, 204, 302, 403])
def test_a_page_of_somebody_else_is_no_answer(server: Server, link: HubLink, status: int) -> None:
    """A proxy's page, whatever its status, is Transient, sent once and never followed."""
    headers = (("Content-Type", "text/html"), ("Location", "https://localhost:1/elsewhere"))
    server.replies = [Reply(status, b"" if status == 204 else b"<html>", headers)]
    error = cause_of(lambda: link.call(envelope(), NO_WAIT))
    assert str(status) in str(error)
    assert len(server.seen) == 1


def test_a_compressed_answer_is_no_answer(server: Server, link: HubLink) -> None:
    """Nothing is inflated before its signature holds, HTTP's own coding least of all."""
    server.replies = [Reply(headers=(JOSE, ("Content-Encoding", "gzip")))]
    cause_of(lambda: link.call(envelope(), NO_WAIT))


def test_an_answer_that_is_no_ascii_is_no_answer(server: Server, link: HubLink) -> None:
    """A compact JWS is ASCII."""
    server.replies = [Reply(body=b"\xff\xfe")]
    cause_of(lambda: link.call(envelope(), NO_WAIT))


def test_an_endless_answer_is_cut_off(server: Server, link: HubLink) -> None:
    """No answer is read beyond the bound."""
    server.replies = [Reply(body=b"a" * (MOST_BYTES + 1))]
    error = cause_of(lambda: link.call(envelope(), NO_WAIT))
    assert "more than" in str(error)


def test_sends_the_same_bytes_again_on_503(server: Server, link: HubLink, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 and then 200: the second send carries identical bytes."""
    monkeypatch.setattr(link, "_sleep", lambda _seconds: None)
    server.replies = [Reply(503, headers=()), Reply()]
    assert link.call(envelope(), NO_WAIT).jws == "a.b.c"
    assert [body for _, body, _ in server.seen] == [b"eyJh.eyJi.c2ln"] * 2


def test_gives_up_after_three_sends(server: Server, link: HubLink, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most three sends, and the last signed answer is handed on."""
    monkeypatch.setattr(link, "_sleep", lambda _seconds: None)
    server.replies = [Reply(500, headers=())]
    cause_of(lambda: link.call(envelope(), NO_WAIT))
    assert len(server.seen) == 3
    server.replies = [Reply(425)]
    assert link.call(envelope(), NO_WAIT).jws == "a.b.c"
    assert len(server.seen) == 6


@pytest.mark.parametrize("verb", ["orders", "beat"])
def test_never_sends_orders_or_beat_again(server: Server, link: HubLink, verb: str) -> None:
    """Their answers carry a turn counted from the sending."""
    server.replies = [Reply(503, headers=())]
    cause_of(lambda: link.call(envelope(verb), NO_WAIT))
    assert len(server.seen) == 1


def test_passes_on_retry_after(server: Server, link: HubLink) -> None:
    """Retry-After is obeyed by the daemon, clamped to 300 s, not slept here."""
    server.replies = [Reply(503, headers=(("Retry-After", "900"),))]
    assert cause_of(lambda: link.call(envelope(), NO_WAIT)).after == timedelta(seconds=300)
    assert len(server.seen) == 1
