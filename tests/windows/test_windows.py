"""What is particular to Windows: sealed root key, closed folder, named pipe, service account's name."""

import sys
import threading
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.core.errors import Misconfigured, Refused, Transient
from agent.core.message import say
from agent.door import Client, Server, listening
from agent.door.pipes import RIGHTS, pipe_name
from agent.keys import make_root, root_key
from agent.keys.dpapi import rights, service_sid

windows = pytest.mark.skipif(sys.platform != "win32", reason="only on Windows")


class Echo:
    """Answers what it was asked, and who asked."""

    def ask(self, verb: str, args: Mapping[str, Any], who: str) -> Mapping[str, Any]:
        """Answer, or refuse."""
        if verb == "refuse":
            raise Refused(say("look up a task"), say("there is no task {n}", n=1), reason="no-task")
        return {"verb": verb, "args": dict(args), "who": who}


def test_the_service_has_the_name_windows_gives_it() -> None:
    """The SID of a service is a hash of its name; TrustedInstaller's is known to everybody."""
    trusted = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
    assert service_sid("TrustedInstaller") == trusted
    assert service_sid("Creneau") == "S-1-5-80-3921451765-1760971048-4276684150-452099402-2780409577"


def test_the_data_folder_is_for_three_only() -> None:
    """System, administrators, service; nothing inherited from the folder above."""
    assert rights() == f"D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;{service_sid('Creneau')})"


def test_one_pipe_for_each_data_folder_and_nobody_from_the_network() -> None:
    """Windows does not mind the case of a path; the pipe's first right is a refusal of the network."""
    one = pipe_name(Path("C:/ProgramData/Creneau/creneau.sock"))
    assert one == pipe_name(Path("c:/programdata/CRENEAU/creneau.sock"))
    assert one != pipe_name(Path("C:/ProgramData/Autre/creneau.sock"))
    assert RIGHTS.startswith("D:P(D;;GA;;;NU)")


@windows
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


@windows
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
