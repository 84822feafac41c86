"""`creneau hl7`: explain, send and listen, in both languages."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import agent.wiring.hl7 as tools
from agent.core.errors import Misconfigured

MESSAGES = Path(__file__).parents[2] / "adapters" / "er7" / "messages"


def test_explain_says_field_by_field_and_why(run: Callable[..., Any]) -> None:
    """In the language asked for; exit 1 when it is refused, 0 when a setting settles it."""
    file = MESSAGES / "webchart-in-s12.hl7"
    code, out, _ = run(f"hl7 explain {file} --lang en")
    assert code == 1
    assert "two fields differ on when it is" in out
    assert "AE 102" in out
    assert "kept back until it is understood: from 2027-04-12 00:00-04:00 to 2027-04-16 01:00-04:00" in out
    code, out, _ = run(f"hl7 expliquer {file} --time-from sch11 --lang fr")
    assert code == 0
    assert "compris : de 2027-04-15 09:00-04:00 (SCH-11.4)" in out.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize("path", sorted(MESSAGES.glob("*.hl7")), ids=lambda path: path.stem)
def test_explain_shows_no_patient(path: Path, run: Callable[..., Any]) -> None:
    """Nothing of PID, NTE, SCH-7 or SCH-8 text, of any message of the collection."""
    _, out, _ = run(f"hl7 explain {path} --lang en")
    secrets = ("FANTAISIE", "OSCAR", "vaccin", "Nomtest", "Claude", "deplacee", "555-01", "JOHNSON", "Bond", "tousse")
    assert out.startswith("Message 1")
    assert [word for word in secrets if word in out] == []


def test_explain_as_json_lists_every_message(run: Callable[..., Any]) -> None:
    """One entry a message, with its code."""
    code, out, _ = run(f"hl7 explain {MESSAGES / 'webchart-in-three-in-one-file.hl7'} --json")
    assert code == 1
    assert [each["code"] for each in json.loads(out)["messages"]] == [102, 102, 0]


def test_explain_of_what_is_no_message_says_so(run: Callable[..., Any], tmp_path: Path) -> None:
    """A picture, an empty file, a file that is not there."""
    file = tmp_path / "x"
    file.write_bytes(b"\x89PNG")
    assert run(f"hl7 explain {file}")[0] == 1
    assert run(f"hl7 explain {tmp_path / 'none'}")[0] == 1


def test_what_is_sent_is_taken_in_and_kept(run: Callable[..., Any], tmp_path: Path) -> None:
    """The two tools against each other: files before answers, a repeat once, a refusal exits 1."""
    heard: list[tuple[bytes, bytes]] = []
    stop, ready = threading.Event(), threading.Event()

    def note(body: bytes, reply: bytes) -> None:
        heard.append((body, reply))
        ready.set()

    folder = tmp_path / "recus"
    thread = threading.Thread(target=tools.listen, args=(folder, "127.0.0.1:0", note, stop))
    thread.start()
    try:
        assert ready.wait(120)
        where = heard[0][1].decode()
        good, bad = MESSAGES / "gpms-s14-arrived.hl7", MESSAGES / "webchart-in-s12.hl7"
        code, out, _ = run(f"hl7 send {good} {where}")
        assert (code, out.split()) == (0, ["20270309141207", "AA"])
        assert run(f"hl7 send {good} {where}")[0] == 0
        assert run(f"hl7 send {bad} {where} --json")[0] == 1
    finally:
        stop.set()
        thread.join(120)
    assert sorted(path.suffix for path in folder.iterdir()) == [".ack", ".ack", ".hl7", ".hl7"]
    assert {path.read_bytes() for path in folder.glob("*.hl7")} == {
        good.read_bytes().rstrip() + b"\r",
        bad.read_bytes().rstrip() + b"\r",
    }
    assert [tools.summary(*each)[1] for each in heard[1:]] == ["AA", "AA", "AE"]


def test_listen_prints_event_and_answer(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing of what a message says of anybody."""
    body = (MESSAGES / "gpms-s14-arrived.hl7").read_bytes()

    def listen(folder: Path, where: str, heard: Callable[[bytes, bytes], None], stop: threading.Event) -> None:
        assert (folder, where) == (Path("hl7"), "127.0.0.1:2575")
        heard(b"", b"127.0.0.1:2575")
        heard(body, b"")
        stop.set()

    monkeypatch.setattr(tools, "listen", listen)
    code, out, _ = run("hl7 listen --lang en")
    assert code == 0
    assert out.splitlines() == ["Listening at 127.0.0.1:2575. Stop it with Ctrl+C.", "SIU^S14 20270309141207  -"]


def test_an_address_that_is_none_is_said(tmp_path: Path) -> None:
    """Before anything listens."""
    with pytest.raises(Misconfigured):
        tools.listen(tmp_path, "nowhere", lambda _b, _r: None, threading.Event())


DOUBT = {
    "emr": "dme", "n": 7, "since": "2026-11-23T13:00:00+00:00", "event": "S12", "whom": [],
    "start": "2026-11-23T13:00:00+00:00", "end": None, "why": "102 SCH-11.4",
}  # fmt: skip


def test_doubts_are_shown_with_both_ways_out(run: Callable[..., Any], door: Any) -> None:
    """Exit 1 while there is one, 0 when every message was understood; in both languages."""
    door.answers["hl7-doubts"] = {"doubts": [DOUBT]}
    code, out, _ = run("hl7 doubts --lang en")
    assert code == 1
    assert "anybody" in out
    assert "creneau hl7 settle N" in out
    assert "n'importe qui" in run("hl7 doutes --lang fr")[1]
    assert json.loads(run("hl7 doubts --json")[1]) == {"doubts": [DOUBT]}
    door.answers["hl7-doubts"] = {"doubts": []}
    assert run("hl7 doubts")[0] == 0


def test_settling_is_asked_first(run: Callable[..., Any], door: Any) -> None:
    """Nothing is sent before a yes; the number and the source go as given."""
    door.answers["hl7-settle"] = {"doubt": DOUBT}
    assert run("hl7 settle 7", typed="n\n")[0] == 2
    assert door.asked == []
    assert run("hl7 settle 7 --emr dme", typed="o\n")[0] == 0
    assert run("hl7 regler 8 --yes")[0] == 0
    assert door.asked == [("hl7-settle", {"n": 7, "emr": "dme"}), ("hl7-settle", {"n": 8, "emr": ""})]
