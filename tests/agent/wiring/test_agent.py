"""A started agent: it reloads, narrows, holds its folder, wakes at night, tells systemd."""

import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from agent.config import read_plan
from agent.core.errors import Misconfigured, Refused, Transient
from agent.core.model import EmrName
from agent.core.sharing import Posture
from agent.desk.minute import FILE
from agent.notify import Notifier
from agent.wiring import Agent, open_door, running
from agent.wiring.catalog import entries, open_emr
from agent.wiring.frontdesk import FrontDesk
from agent.wiring.house import house
from agent.wiring.lock import StateLock
from agent.wiring.nightly import Nightly
from agent.wiring.sample import Sample
from agent.wiring.state import State

DME = EmrName("dme")


def until(sample: Sample, ready: Callable[[], object]) -> None:
    """Wait until `ready` is true, at most 120 s."""
    ends = sample.time() + timedelta(seconds=120)
    while not ready():
        assert sample.time() < ends
        threading.Event().wait(0.05)


def lasting(sample: Sample) -> int:
    """Return how many slots are on offer that no notice takes offline while a test runs."""
    ends = sample.now + timedelta(hours=4)
    return sum(datetime.fromisoformat(slot["start"]) > ends for slot in sample.portal.slots())


def edit(sample: Sample, old: str, new: str) -> None:
    """Change the clinic's file as a person would."""
    text = sample.file.read_text(encoding="utf-8")
    assert old in text
    sample.file.write_text(text.replace(old, new), encoding="utf-8")


def test_narrowing_in_the_file_is_in_force_by_itself_and_widening_waits(sample: Sample) -> None:
    """A removed accord empties the hub with nobody's command; putting it back offers nothing that was not applied."""
    sample.enrol()
    sample.start()
    until(sample, sample.portal.slots)
    edit(sample, "enabled = true", "enabled = false")
    until(sample, lambda: sample.portal.slots() == [])
    edit(sample, "enabled = false", "enabled = true")
    until(sample, sample.portal.slots)
    offered = lasting(sample)
    edit(sample, '["s", "W"]', '["s", "W", "S"]')
    assert sample.agent is not None
    before = sample.agent.state.plan.sharing.digest
    until(sample, lambda: sample.agent is not None and sample.agent.state.plan.sharing.digest != before)
    assert lasting(sample) <= offered
    sample.ask("sharing-apply", digest=sample.ask("sharing-diff")["digest"])
    until(sample, lambda: lasting(sample) >= offered)


def test_a_faulty_file_changes_nothing_and_the_next_good_one_counts(
    sample: Sample, caplog: pytest.LogCaptureFixture
) -> None:
    """The last good plan stays in force; the agent goes on, and its log says where the fault is."""
    sample.start()
    assert sample.agent is not None
    plan = sample.agent.state.plan
    edit(sample, "[hub]", "[hub")
    sample.agent.reload()
    assert sample.agent.state.plan is plan
    assert "config.faulty n=1" in caplog.text
    edit(sample, "[hub", "[hub]")
    sample.agent.reload()
    assert sample.agent.state.plan is not plan
    assert sample.agent.alive()


@pytest.mark.parametrize(("verb", "word"), [("freeze", Posture.FROZEN), ("sharing-withdraw", Posture.WITHDRAWN)])
def test_an_order_of_the_clinic_is_in_force_while_the_file_is_faulty(sample: Sample, verb: str, word: Posture) -> None:
    """The kill switch stops the agent by its last good plan, not only on paper."""
    sample.start()
    assert sample.agent is not None
    edit(sample, "[hub]", "[hub")
    with open_door(sample.agent.state.plan) as door:
        door.ask(verb, {}, "demo")
    assert sample.agent.state.rules().posture is word


def test_another_data_folder_waits_for_the_next_start(sample: Sample, caplog: pytest.LogCaptureFixture) -> None:
    """The lock and the journal are held where they are; the log says that a restart is needed."""
    sample.start()
    assert sample.agent is not None
    held = sample.agent.state.plan.service.data_dir
    edit(sample, held.as_posix(), held.with_name("elsewhere").as_posix())
    sample.agent.reload()
    assert sample.agent.state.plan.service.data_dir == held
    assert "config.restart_needed key=data_dir" in caplog.text


def test_another_poll_rebuilds_the_legs_without_a_restart(sample: Sample) -> None:
    """A change that legs are built from stops and starts them; journal and lock stay."""
    sample.start()
    assert sample.agent is not None
    journal = sample.agent.state.journal
    edit(sample, '"1s"', '"2s"')
    until(sample, lambda: sample.agent is not None and sample.agent.state.plan.emrs[0].poll == timedelta(seconds=2))
    assert sample.agent.state.journal is journal
    until(sample, lambda: sample.agent is not None and sample.agent.alive())


def test_a_changed_mapping_file_rebuilds_the_legs_without_a_restart(sample: Sample) -> None:
    """A file that an adapter's option names is watched like the configuration itself."""
    sample.start()
    assert sample.agent is not None
    before, path = sample.agent._daemon, sample.agent.state.plan.emrs[0].options["mapping"]
    assert isinstance(path, Path)
    path.write_text("another text")
    until(sample, lambda: sample.agent is not None and sample.agent._daemon is not before)


def test_withdraw_is_in_force_at_once_and_survives_a_restart(sample: Sample) -> None:
    """The posture lives in the journal, not in the process."""
    sample.enrol()
    sample.start()
    until(sample, sample.portal.slots)
    sample.ask("sharing-withdraw")
    until(sample, lambda: sample.portal.slots() == [])
    sample.restart()
    assert sample.agent is not None
    assert sample.agent.state.rules().posture is Posture.WITHDRAWN
    assert not sample.agent.state.rules().posture.is_frozen
    sample.ask("freeze")
    assert sample.agent.state.rules().posture.is_frozen


def test_one_agent_a_folder(sample: Sample) -> None:
    """The second is refused by name of the reason, and the first goes on."""
    sample.start()
    with pytest.raises(Refused) as refused:
        Agent(read_plan(sample.file, entries()))
    assert refused.value.reason == "running"
    assert sample.agent is not None
    assert sample.agent.alive()


def test_a_start_that_fails_lets_go_of_the_folder(sample: Sample) -> None:
    """Without a root key nothing runs, and the lock is free for the next try."""
    folder = read_plan(sample.file, entries()).service.data_dir
    key = folder / "vault-key"
    kept = key.read_bytes()
    key.chmod(0o600)
    key.unlink()
    with pytest.raises(Misconfigured):
        Agent(read_plan(sample.file, entries()))
    with StateLock(folder):
        pass
    key.write_bytes(kept)
    key.chmod(0o400)
    sample.start()


def test_the_service_manager_hears_ready_watchdog_and_stopping(sample: Sample, tmp_path: Path) -> None:
    """READY once all runs, WATCHDOG only from a loop that asked the legs, STOPPING at the end."""
    path = tmp_path / "n"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(path))
        ear.settimeout(120)
        notify = Notifier({"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "300000"})
        agent = Agent(read_plan(sample.file, entries()), notify)
        heard = [ear.recv(64), ear.recv(64)]
        agent.stop()
        assert heard == [b"READY=1", b"WATCHDOG=1"]
        while heard[-1] != b"STOPPING=1":
            heard.append(ear.recv(64))
        agent.stop()  # idempotent


def desk(state: State) -> FrontDesk:
    return FrontDesk(state, house(state, state.board, lambda _kind: None, lambda: None))


def test_the_front_desks_page_is_there_a_moment_after_the_start(sample: Sample, tmp_path: Path) -> None:
    """A folder in the file, and the page stands in it; the next file without one leaves it to grow old."""
    text = sample.file.read_text(encoding="utf-8")
    folder = tmp_path / "accueil é"
    folder.mkdir()
    sample.file.write_text(text.replace('# folder = ""', f'folder = "{folder.as_posix()}"'), encoding="utf-8")
    sample.enrol()
    sample.start()
    page = folder / FILE
    until(sample, page.exists)
    assert "Clinique du Fjord" in page.read_text(encoding="utf-8")
    found = {line["code"]: line["severity"] for line in sample.ask("check", part="machine")["findings"]}
    assert found["desk.folder"] == "ok"
    folder.rename(tmp_path / "ailleurs")
    found = {line["code"]: line["severity"] for line in sample.ask("check", part="machine")["findings"]}
    assert found["desk.folder"] == "fault"


def test_the_night_reads_again_turns_keys_and_wakes_the_legs(sample: Sample) -> None:
    """The nightly job wakes who must look again; scrubbing says nothing when nothing was erased."""
    sample.enrol()
    woken: list[tuple[str, ...]] = []
    with State(read_plan(sample.file, entries())) as state:
        night = Nightly(state, lambda *kinds: woken.append(kinds), desk(state))
        night.start()
        night.night()
        night.scrub()
        night.stop()
    assert woken == [("publish", "deliver", "beat")]


def test_the_nightly_job_has_a_minute_of_its_own_and_makes_up_a_night_slept_through(sample: Sample) -> None:
    """Between 1 and 5 in the clinic's own zone; run once when the machine was asleep at that minute."""
    with State(read_plan(sample.file, entries())) as state:
        night = Nightly(state, lambda *_: None, desk(state))
        night.start()
        jobs = {job.name: job for job in night._scheduler.get_jobs()}
        night.stop()
    job = jobs["Nightly.night"]
    assert (job.coalesce, job.misfire_grace_time) == (True, None)
    due = job.trigger.get_next_fire_time(None, sample.now)
    assert 1 <= due.hour < 5
    assert str(due.tzinfo) == "America/Toronto"


def test_a_night_without_enrolment_still_wakes_the_legs(sample: Sample, caplog: pytest.LogCaptureFixture) -> None:
    """No key to turn over is a line in the log, not the end of the night."""
    woken: list[tuple[str, ...]] = []
    with State(read_plan(sample.file, entries())) as state:
        state.board.heard(state.clock.now().utc, state.clock.now(), timedelta(0))
        Nightly(state, lambda *kinds: woken.append(kinds), desk(state)).night()
    assert len(woken) == 1
    assert "night.fault" in caplog.text


def test_a_clock_nobody_confirmed_throws_nothing_away(
    sample: Sample, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten years ahead and the hub away: retention and key turnover wait for a night with a clock that is right."""
    monkeypatch.setattr("agent.wiring.state.Journal.tidy", lambda *_: pytest.fail("tidied"))
    with State(read_plan(sample.file, entries())) as state:
        night = Nightly(state, lambda *_: None, desk(state))
        night.night()
        state.board.heard(state.clock.now().utc + timedelta(days=3652), state.clock.now(), timedelta(0))
        night.night()
    assert caplog.text.count("night.kept why=clock") == 2


def test_the_door_is_the_same_with_the_agent_stopped(sample: Sample) -> None:
    """With no agent the command line takes the lock and answers itself."""
    sample.enrol()
    stopped = sample.ask("status")
    assert stopped["working"] == "stopped"
    with open_door(read_plan(sample.file, entries())) as door:
        assert [one["stored"] for one in door.ask("secret-list", {}, "judge")["secrets"]] == [False]
        door.ask("sharing-pause", {}, "judge")
    assert sample.ask("status")["counts"]["online"] == 0


def test_an_adapter_that_is_not_there_is_a_plain_fault(sample: Sample) -> None:
    """A source whose adapter or driver is missing says which package brings it."""
    plan = read_plan(sample.file, entries())
    with State(plan) as state:
        gone = replace(plan.emrs[0], adapter="nobody")
        with pytest.raises(Misconfigured) as wrong:
            open_emr(plan, gone, state.journal, state.keys, state.clock, state.dice)
    assert wrong.value.key == "adapter"


def test_no_hub_in_sight_is_no_reason_not_to_start(sample: Sample) -> None:
    """The agent starts without its hub, publishes into its own journal, and answers its door."""
    sample.enrol()
    sample.cut()
    sample.start()
    until(sample, lambda: sample.ask("status")["working"] != "yes")
    assert sample.agent is not None
    until(sample, lambda: sample.agent is not None and sample.agent.state.journal.views(DME).known())
    findings = sample.ask("check", part="hub")["findings"]
    assert {one["code"] for one in findings} >= {"hub.enrolled", "hub.silent"}


def test_joining_says_what_is_wrong_with_a_code(sample: Sample) -> None:
    """A mistyped code, a wrong one and a hub that is away are three different sentences."""
    with pytest.raises(Refused) as mistyped:
        sample.ask("enrol", code="ABCD-1234")
    with pytest.raises(Refused) as wrong:
        sample.ask("enrol", code="ABCD-" + "-".join(["12345"] * 5) + "-1")
    sample.cut()
    with pytest.raises(Transient):
        sample.ask("enrol", code="ABCD-" + "-".join(["12345"] * 5) + "-1")
    assert str(mistyped.value) != str(wrong.value)
    assert {mistyped.value.reason, wrong.value.reason} == {"code"}


def test_check_looks_at_the_machine(sample: Sample) -> None:
    """System, account and disk are named; a folder others can read is a warning with its remedy."""
    folder = read_plan(sample.file, entries()).service.data_dir
    sample.enrol()
    folder.chmod(0o755)
    found = {one["code"]: one for one in _check_stopped(sample)}
    assert found["machine.system"]["severity"] == "ok"
    assert "machine.ledger" not in found


def test_check_names_a_journal_that_was_set_aside(sample: Sample) -> None:
    """A damaged journal takes the applied rules with it: somebody has to know, not only the log."""
    folder = read_plan(sample.file, entries()).service.data_dir
    sample.enrol()
    _check_stopped(sample)
    (folder / "journal.db").write_bytes(b"garbage" * 9999)
    found = {one["code"]: one for one in _check_stopped(sample)}
    assert found["machine.journal-lost"]["severity"] == "warn"


def test_no_other_account_reads_a_file_of_the_data_folder(sample: Sample) -> None:
    """The folder is closed, and so is each file in it should the folder ever be opened."""
    folder = read_plan(sample.file, entries()).service.data_dir
    sample.enrol()
    sample.start()
    names = {path.name for path in folder.iterdir()}
    assert {"vault.lock", "journal.db", "journal.ballast", "creneau.lock"} <= names
    assert not [path.name for path in folder.iterdir() if path.stat().st_mode & 0o007]


def test_a_data_folder_that_cannot_be_is_said_plainly(tmp_path: Path) -> None:
    """A file where the folder should be, a folder where the lock should be."""
    (tmp_path / "file").write_text("x", encoding="utf-8")
    (tmp_path / "creneau.lock").mkdir()
    for folder in (tmp_path / "file", tmp_path / "file" / "data", tmp_path):
        with pytest.raises(Misconfigured, match="cannot be read or written"), StateLock(folder):
            pass


def _check_stopped(sample: Sample) -> list[dict[str, object]]:
    findings: list[dict[str, object]] = list(sample.ask("check", part="machine")["findings"])
    return findings


@pytest.mark.skipif(sys.platform == "win32", reason="the running agent's door is a Unix socket")
def test_a_veto_takes_force_at_once_and_beside_a_faulty_file(sample: Sample) -> None:
    """Kept through the running agent's door: its slots leave the view at once, whatever state the file is in."""
    sample.enrol()
    sample.start()
    until(sample, sample.portal.slots)
    assert sample.agent is not None
    agent = sample.agent
    edit(sample, "[hub]", "[hub")
    door = running(sample.file)
    assert door is not None
    code = door.ask("veto-add", {"who": "101"}, "dre-gagnon")["code"]
    assert (DME, "101") in agent.state.rules().vetoes

    def gone() -> bool:
        known = agent.state.journal.views(DME).known()
        return bool(known) and not any(key.startswith("101") for key in known)

    until(sample, gone)
    edit(sample, "[hub", "[hub]")
    sample.restart()
    assert sample.agent.state.rules().vetoes
    sample.ask("veto-lift", who="101", code=code)
    assert not sample.agent.state.rules().vetoes
