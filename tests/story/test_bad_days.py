"""Bad days of people who type commands: real processes, wrong files, cut hubs, damaged folders, odd terminals."""

import json
import os
import signal
import subprocess
import sys
from typing import Any

import pytest

CLINIC = "fjord"
PATIENT = {
    "family": "Canari-Tremblay",
    "given": "Zoé",
    "born": "1991-04-12",
    "nam": "TREZ91541218",
    "phone": "418 555-0187",
}
READS = (
    "status",
    "check",
    "preview --days 3",
    "sharing show",
    "sharing diff",
    "tasks list",
    "unsold",
    "bookings",
    "emr list",
    "secret list",
)
"""Every command that only reads."""


def typed(town: Any, *words: str, **environ: str) -> tuple[int, str, str]:
    """Run one command as a person's terminal would; return exit, output, errors. Nothing here may be a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "agent", "--config", str(town.file), *words],
        input=b"",
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, "LC_ALL": "fr_CA.UTF-8", **environ},
    )
    out, err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    assert "Traceback" not in out + err, (words, err)
    assert "CRENEAU_DEBUG" not in err, (words, err)
    return done.returncode, out, err


def join(town: Any) -> None:
    """Enrol, apply, start both sides."""
    town.start("hub")
    code = town.creneau("hub", "code", CLINIC, "--folder", str(town.hub_folder))["code"]
    town.creneau("enrol", code)
    town.creneau("sharing", "apply", "--yes")
    town.start("agent")
    town.offered()


@pytest.mark.parametrize("town", ["tasks"], indirect=True)
def test_the_kill_switch_and_the_desk_work_while_the_file_is_broken(town: Any) -> None:
    """Somebody saved a file without a quote: the agent goes on, can be stopped, and its tasks answered, once."""
    join(town)
    slot = town.offered()[0]
    town.portal.book(CLINIC, "bad-day-booking", 1, slot["id"], PATIENT, now=town.time())
    assert town.outcome("bad-day-booking", 1) == "requested"
    good = town.file.read_bytes()
    town.file.write_bytes(good.replace(b'poll       = "1s"', b'poll       = "1s'))
    code, out, _ = typed(town, "taches", "liste", "--json")
    (task,) = json.loads(out)["tasks"]
    assert code == 1
    n = str(task["n"])
    assert typed(town, "tasks", "done", n, "--not-in-agenda")[0] == 0
    code, _, err = typed(town, "tasks", "done", n, "--in-agenda")
    assert code == 1
    assert "erreur" in err
    assert town.outcome("bad-day-booking", 1, "conflict") == "conflict"
    for words, posture in ((("gel",), "frozen"), (("sharing", "withdraw", "--yes"), "closed")):
        code, out, _ = typed(town, *words, "--json")
        assert (code, json.loads(out)["posture"]) == (0, posture)
    town.until("no slot at the hub", lambda: town.portal.slots() == [])
    assert typed(town, "sharing", "diff")[0] == 1
    town.file.write_bytes(good)
    assert typed(town, "sharing", "resume")[0] == 0
    town.offered()
    secrets_nowhere(town)


def test_every_reading_command_in_every_state(town: Any) -> None:
    """Not enrolled, running, hub cut, killed, EMR away, terminal without accents: one JSON document, 0, 1 or 2, no traceback."""
    every_read(town, ("status", "check", "sharing diff"))
    join(town)
    every_read(town, READS)
    closed = {path.name for path in town.data.iterdir() if path.stat().st_mode & 0o007}
    assert closed == set()
    town.stop("hub", signal.SIGKILL)
    town.until("unsold slots", lambda: typed(town, "unsold")[0] == 1)
    assert typed(town, "status", PYTHONIOENCODING="cp1252", PYTHONUTF8="0", LC_ALL="C")[0] == 1
    town.stop("agent", signal.SIGKILL)
    town.emr.rename(town.folder / "away.db")
    every_read(town, ("check", "unsold"))
    code, _, err = typed(town, "apercu")
    assert code == 1
    assert "connection" in err
    secrets_nowhere(town)


def every_read(town: Any, commands: tuple[str, ...]) -> None:
    """Each reading command prints one JSON document, or nothing with an error on the other stream."""
    for words in commands:
        code, out, err = typed(town, *words.split(), "--json")
        assert code in {0, 1, 2}, words
        if out:
            json.loads(out)
        else:
            assert (code != 0, bool(err)) == (True, True), words


def test_narrowing_is_in_force_by_itself_and_nothing_widens_without_a_yes(town: Any) -> None:
    """A saved file narrows at once; given back it widens only as far as applied; no answer applies nothing."""
    join(town)
    good = town.file.read_text(encoding="utf-8")
    whole = len(town.lasting())
    town.file.write_text(good.replace('# min_notice      = "2h" ', 'min_notice = "13d"'), encoding="utf-8")
    town.until("fewer slots at the hub", lambda: len(town.lasting()) < whole // 2)
    town.file.write_text(good.replace("[hub]", "[hub"), encoding="utf-8")
    assert typed(town, "sharing", "apply", "--yes")[0] == 1
    wider = good.replace('sans-rendez-vous = ["s", "W"]', 'sans-rendez-vous = ["s", "W", "1"]').replace(
        '["1"]\n', '["X"]\n'
    )
    town.file.write_text(wider, encoding="utf-8")
    code, out, err = typed(town, "sharing", "apply")
    assert (code, "N" in err) == (2, True)
    assert out
    town.until("the applied slots again", lambda: len(town.lasting()) == whole)
    assert typed(town, "sharing", "apply", "--yes")[0] == 0
    town.until("more slots", lambda: len(town.lasting()) > whole)


def secrets_nowhere(town: Any) -> None:
    """No word of the patient stands in the state, the logs or the hub's store."""
    needles = [PATIENT[name].encode() for name in ("family", "nam", "phone")]
    for path in [*town.data.rglob("*"), *town.hub_folder.rglob("*"), *town.folder.glob("*.log")]:
        if path.is_file():
            assert not [needle for needle in needles if needle in path.read_bytes()], path
