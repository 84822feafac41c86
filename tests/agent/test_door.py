"""The local door, over real Unix sockets."""

import os
import pwd
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

if sys.platform == "win32":
    pytest.skip("the named pipe comes with the Windows package", allow_module_level=True)

from agent.core.errors import Ambiguous, CreneauError, Misconfigured, Refused, Transient
from agent.core.message import say
from agent.door import Client, Peer, Server, listening, wire
from agent.door.sockets import account

ME = pwd.getpwuid(os.geteuid()).pw_name


class House:
    """A door whose answers the test chooses."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Mapping[str, Any], str]] = []
        self.raises: Exception | None = None
        self.extra: object = None
        self.gate: threading.Event | None = None
        self.entered = threading.Event()

    def ask(self, verb: str, args: Mapping[str, Any], who: str) -> Mapping[str, Any]:
        self.asked.append((verb, args, who))
        self.entered.set()
        if self.gate is not None:
            self.gate.wait(60)
        if self.raises is not None:
            raise self.raises
        return {"verb": verb, "echo": dict(args), "accent": "réservé"} | (
            {} if self.extra is None else {"extra": self.extra}
        )


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "d"


@pytest.fixture
def server(path: Path, house: House) -> Iterator[Server]:
    server = Server(path, house)
    server.start()
    yield server
    server.stop()


def test_an_answer_comes_back_and_the_kernel_names_the_asker(server: Server, path: Path, house: House) -> None:
    """The verb, its arguments and the OS account reach the door; accents survive."""
    found = Client(path).ask("status", {"days": 3}, "somebody else")
    assert found == {"verb": "status", "echo": {"days": 3}, "accent": "réservé"}
    assert house.asked == [("status", {"days": 3}, ME)]


def test_the_socket_is_for_its_group_only(server: Server, path: Path) -> None:
    """Owner and group may talk, others may not."""
    assert path.stat().st_mode & 0o777 == 0o660


@pytest.mark.parametrize(
    "error",
    [
        Transient(say("read"), say("down"), say("wait"), after=timedelta(seconds=7)),
        Transient(say("read"), say("down {n}", n=3)),
        Refused(say("answer"), say("closed"), reason="answered"),
        Misconfigured(say("read"), say("bad"), say("mend"), file="c.toml", key="poll", line=4),
        Ambiguous(say("write"), say("perhaps")),
    ],
)
def test_every_error_crosses_whole(server: Server, path: Path, house: House, error: CreneauError) -> None:
    """Class, sentences with their values, and the class's own members are the same on both sides."""
    house.raises = error
    with pytest.raises(type(error)) as caught:
        Client(path).ask("x", {})
    assert wire.told(caught.value) == wire.told(error)


def test_an_unforeseen_fault_shows_nothing_of_its_insides(server: Server, path: Path, house: House) -> None:
    """The asker learns that it may have happened, and no value of the exception."""
    house.raises = ValueError("Tremblay")
    with pytest.raises(Ambiguous) as caught:
        Client(path).ask("x", {})
    assert "Tremblay" not in str(wire.told(caught.value))


def test_an_answer_json_cannot_say_is_an_unforeseen_fault(server: Server, path: Path, house: House) -> None:
    """A door that returns an object JSON has no word for does not end the thread without an answer."""
    house.extra = object()
    with pytest.raises(Ambiguous):
        Client(path).ask("x", {})


def test_who_may_not_is_refused_before_the_verb_runs(path: Path, house: House) -> None:
    """The right is asked with the verb and the peer; a refusal never reaches the door."""
    seen: list[tuple[str, Peer]] = []
    server = Server(path, house, lambda verb, peer: bool(seen.append((verb, peer))))
    server.start()
    try:
        with pytest.raises(Refused) as caught:
            Client(path).ask("freeze", {})
    finally:
        server.stop()
    assert caught.value.reason == "rights"
    assert house.asked == []
    assert seen[0][0] == "freeze"
    assert seen[0][1].who == ME
    assert seen[0][1].admin


def _raw(path: Path, sent: bytes) -> Mapping[str, Any]:
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(path))
        line.sendall(sent)
        line.shutdown(socket.SHUT_WR)
        with line.makefile("rb") as stream:
            return wire.read(stream, wire.ANSWER)


@pytest.mark.parametrize(
    ("sent", "name"),
    [(b"not json\n", "Refused"), (b"[1]\n", "Refused"), (b'{"verb": "cut', "Transient")],
)
def test_a_bad_line_is_answered_with_an_error(server: Server, path: Path, sent: bytes, name: str) -> None:
    """Whatever arrives, the asker gets one line that says why."""
    assert _raw(path, sent)["error"]["class"] == name


def test_arguments_that_are_no_object_are_none(server: Server, path: Path, house: House) -> None:
    """A verb never sees anything but a mapping."""
    _raw(path, b'{"verb": "x", "args": 3}\n')
    assert house.asked[0][1] == {}


def test_a_question_too_long_is_refused(
    server: Server, path: Path, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server reads no further than its bound."""
    monkeypatch.setattr(wire, "QUESTION", 50)
    with pytest.raises(Refused) as caught:
        Client(path).ask("x", {"a": "b" * 100})
    assert caught.value.reason == "too-large"


def test_an_answer_too_long_says_so(server: Server, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound holds for answers too, and the error fits in it."""
    monkeypatch.setattr(wire, "ANSWER", 400)
    with pytest.raises(Refused) as caught:
        Client(path).ask("x", {"a": "b" * 500})
    assert caught.value.reason == "too-large"


def test_nobody_home_is_transient(path: Path) -> None:
    """Without a server the client says that no agent answers."""
    assert not listening(path)
    with pytest.raises(Transient) as caught:
        Client(path).ask("status", {})
    assert caught.value.hint is not None


def test_a_path_too_long_names_the_option_to_shorten() -> None:
    """108 bytes is all a Unix socket gets; the error says which option to change."""
    with pytest.raises(Misconfigured) as caught:
        Client(Path("/" + "x" * 120)).ask("status", {})
    assert caught.value.key == "data_dir"


def test_a_folder_that_is_not_there_is_a_plain_fault(tmp_path: Path, house: House) -> None:
    """Binding in a missing folder says why, and where."""
    with pytest.raises(Misconfigured) as caught:
        Server(tmp_path / "no" / "d", house).start()
    assert caught.value.file.endswith("/no/d")


def test_a_socket_left_by_a_dead_agent_is_taken_over(server: Server, path: Path, house: House) -> None:
    """After a crash the file is still there; the next agent binds again."""
    left = path.with_name("left")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(left))
    again = Server(left, house)
    again.start()
    try:
        assert listening(left)
    finally:
        again.stop()


def test_stop_cuts_idle_askers_and_lets_answers_out(path: Path, house: House) -> None:
    """An asker who says nothing does not hold the stop up; a question in work gets its answer."""
    server = Server(path, house)
    server.start()
    idle = socket.socket(socket.AF_UNIX)
    idle.connect(str(path))
    house.gate = threading.Event()
    answers: list[Mapping[str, Any]] = []
    asker = threading.Thread(target=lambda: answers.append(Client(path).ask("slow", {})))
    asker.start()
    house.entered.wait(60)
    stopper = threading.Thread(target=server.stop)
    stopper.start()
    house.gate.set()
    stopper.join(60)
    asker.join(60)
    idle.close()
    assert not stopper.is_alive()
    assert answers[0]["verb"] == "slow"
    assert not path.exists()
    assert not listening(path)
    server.stop()


def test_an_account_without_a_name_is_shown_by_number() -> None:
    """A uid that no account database knows is still named in the ledger."""
    assert account(4_000_000, 4_000_000) == Peer("uid:4000000", admin=False, groups=frozenset())
