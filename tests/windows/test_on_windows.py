"""What only Windows can do: the sealed root key, the named pipe."""

import threading
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.core.errors import Misconfigured, Refused, Transient
from agent.core.message import say
from agent.door import Client, Server, listening
from agent.keys import make_root, root_key


class Echo:
    """Answers what it was asked, and who asked."""

    def ask(self, verb: str, args: Mapping[str, Any], who: str) -> Mapping[str, Any]:
        """Answer, or refuse."""
        if verb == "refuse":
            raise Refused(say("look up a task"), say("there is no task {n}", n=1), reason="no-task")
        return {"verb": verb, "args": dict(args), "who": who}


def test_the_root_key_is_sealed_by_the_machine(tmp_path: Path) -> None:
    """The blob opens here, not once a byte of it changed, and the key is not in it."""
    assert make_root(tmp_path)
    key = root_key(tmp_path, {})
    blob = (tmp_path / "vault.dpapi").read_bytes()
    assert len(key) == 32
    assert key not in blob
    assert not make_root(tmp_path)
    (tmp_path / "vault.dpapi").write_bytes(blob[:-1] + bytes([blob[-1] ^ 1]))
    with pytest.raises(Misconfigured):
        root_key(tmp_path, {})


def test_a_question_goes_through_the_pipe_and_comes_back(tmp_path: Path) -> None:
    """Large answers, refusals, an account's own name; nobody answers before and after."""
    path = tmp_path / "creneau.sock"
    assert not listening(path)
    with pytest.raises(Transient):
        Client(path).ask("status", {})
    server = Server(path, Echo(), lambda verb, peer: verb != "closed" or not peer.admin)
    server.start()
    try:
        assert listening(path)
        answer = Client(path, timedelta(seconds=30)).ask("status", {"long": "é" * 300_000})
        assert answer["args"]["long"] == "é" * 300_000
        assert answer["who"]
        with pytest.raises(Refused, match="no task"):
            Client(path).ask("refuse", {})
        asked: list[str] = []
        threads = [
            threading.Thread(target=lambda n=n: asked.append(Client(path).ask(f"v{n}", {})["verb"])) for n in range(12)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sorted(asked) == sorted(f"v{n}" for n in range(12))
    finally:
        server.stop()
    assert not listening(path)
