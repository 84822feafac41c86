"""The hub over real HTTPS, its certificates, its operator's desk and its published contract."""

import json
import os
import socket
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509

from adapters.sql.private import free_port
from agent.core.errors import Misconfigured, Refused
from hub import contract, desk, serve, tls
from hub.clock import WallClock
from hub.hub import open_hub

NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def running(tmp_path: Path) -> Any:
    handle = serve.start_in_thread(tmp_path / "hub")
    yield handle
    handle.stop()


def test_it_answers_over_https_by_its_own_authority(tmp_path: Path, running: Any) -> None:
    """A client that trusts the authority is served; one that does not refuses the hub."""
    token = desk.portal(tmp_path / "hub", "portail")
    with httpx.Client(verify=ssl.create_default_context(cafile=running.ca_file), base_url=running.url) as client:
        assert client.get("/healthz").json() == {"status": "ok"}
        shown = client.get("/portal/v1/slots", headers={"Authorization": f"Bearer {token}"})
        assert shown.json() == {"slots": [], "after": None}
        assert client.post("/v1/beat", content=b"x").headers["content-type"] == "application/jose"
        assert "server" not in shown.headers
    with httpx.Client(base_url=running.url) as stranger, pytest.raises(httpx.ConnectError):
        stranger.get("/healthz")


def test_a_booking_goes_round_over_https(abroad: Any, slot: Any) -> None:
    """Enrol, publish, order, report: the whole way through sockets and TLS."""
    agent, portal = abroad.agent(), abroad.portal()
    soon = abroad.clock.now() + timedelta(days=2)
    times = {"start": soon, "end": soon + timedelta(minutes=20)}
    local = {name: at.replace(microsecond=0).isoformat() for name, at in times.items()}
    agent.snapshot([slot("a", **local)])
    assert portal.slots() == [slot("a")["id"]]
    assert portal.book(agent, "booking-1", slot("a")["id"]).status_code == 202
    assert len(agent.orders()["orders"]) == 1
    agent.report("booking-1", 1, 1, "booked")
    assert portal.booking("booking-1")["word"] == "booked"


def test_old_tls_is_refused(running: Any) -> None:
    """TLS 1.2 is the least."""
    context = running._server.config.ssl
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_restart_keeps_origin_and_keys(tmp_path: Path) -> None:
    """The same folder is the same hub, on the same port."""
    first = serve.start_in_thread(tmp_path / "hub", free_port())
    first.stop()
    second = serve.start_in_thread(tmp_path / "hub")
    second.stop()
    assert (first.url, list(first.hub.ring.keys()), first.hub.log) == (
        second.url,
        list(second.hub.ring.keys()),
        second.hub.log,
    )


def test_a_server_takes_the_operators_certificate(tmp_path: Path) -> None:
    """Given files are used; without them a private authority signs for the host of the origin."""
    desk.init(tmp_path / "hub", "https://hub.example.org")
    own = serve.server(tmp_path / "hub", "127.0.0.1", 0)
    own.hub.close()
    files = tls.private_files(tmp_path / "hub" / "tls", "hub.example.org", WallClock().now())
    assert own.config.ssl_certfile == str(files.cert)
    given = serve.server(tmp_path / "hub", "127.0.0.1", 0, files.cert, files.key)
    given.hub.close()
    assert given.config.timeout_keep_alive == 75


def test_certificate_and_key_come_together(tmp_path: Path) -> None:
    """One without the other is a fault, told before anything listens."""
    with pytest.raises(Misconfigured, match="come together"):
        serve.serve(tmp_path, "127.0.0.1", 0, cert=tmp_path / "cert.pem")


@pytest.mark.parametrize("host", ["127.0.0.1", "hub.example.org"])
def test_a_certificate_names_its_host(tmp_path: Path, host: Any) -> None:
    """By name or address; the files are kept until they are old or the host is another."""
    files = tls.private_files(tmp_path, host, NOW)
    first = files.cert.read_bytes()
    authority = x509.load_pem_x509_certificate(files.ca.read_bytes())
    leaf = x509.load_pem_x509_certificate(first)
    leaf.verify_directly_issued_by(authority)
    assert tls.private_files(tmp_path, host, NOW + timedelta(days=300)).cert.read_bytes() == first
    assert tls.private_files(tmp_path, host, NOW + timedelta(days=380)).cert.read_bytes() != first
    held = files.cert.read_bytes()
    assert tls.private_files(tmp_path, "other.example.org", NOW).cert.read_bytes() != held
    assert files.ca.read_bytes() == authority.public_bytes(tls.serialization.Encoding.PEM)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_private_keys_are_for_the_hubs_account_only(tmp_path: Path) -> None:
    """Mode 0600, in folders of mode 0700, and none of them in the database."""
    desk.init(tmp_path / "hub", "https://hub.example.org")
    (file,) = (tmp_path / "hub" / "keys").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "hub").stat().st_mode) == 0o700
    secret = json.loads(file.read_text())["d"].encode()
    assert all(secret not in db.read_bytes() for db in (tmp_path / "hub").glob("hub.db*"))


@pytest.mark.parametrize("origin", ["http://hub.example.org", "https://hub.example.org/", "hub", "https://a@b"])
def test_an_origin_is_https_and_bare(tmp_path: Path, origin: Any) -> None:
    """`aud` is compared as text, so there is one spelling."""
    with pytest.raises(Misconfigured):
        desk.init(tmp_path, origin)


def test_a_hub_is_made_once(tmp_path: Path) -> None:
    """A second init would orphan every clinic's pinned key."""
    desk.init(tmp_path, "https://hub.example.org")
    with pytest.raises(Misconfigured, match="there is a hub"):
        desk.init(tmp_path, "https://hub.example.org")


def test_no_hub_is_said_with_the_next_command(tmp_path: Path) -> None:
    """An empty folder, or a hub whose private key is gone."""
    with pytest.raises(Misconfigured) as caught:
        desk.clinics(tmp_path)
    assert str(caught.value.hint) == "creneau hub init"
    desk.init(tmp_path, "https://hub.example.org")
    for file in (tmp_path / "keys").iterdir():
        file.unlink()
    with pytest.raises(Misconfigured, match="is missing"):
        open_hub(tmp_path, WallClock())


def test_names_are_plain(tmp_path: Path) -> None:
    """What goes into paths and claims has no surprise in it."""
    desk.init(tmp_path, "https://hub.example.org")
    with pytest.raises(Refused):
        desk.code(tmp_path, "fjord/../x")
    with pytest.raises(Refused):
        desk.portal(tmp_path, "")
    with pytest.raises(Refused, match="no clinic"):
        desk.clinic(tmp_path, "fjord")


def test_the_desk_tells_how_clinics_are(world: Any, agent: Any, portal: Any, slot: Any, clock: Any) -> Any:
    """New, well, degraded, silent, stopped: the state says who needs a call."""

    def state() -> Any:
        return desk.clinics(world.folder, clock=clock)[0]["state"]

    assert state() == "new"
    agent.snapshot([slot("a"), slot("b", 10)])
    agent.beat()
    assert state() == "ok"
    portal.book(agent, "booking-1", slot("a")["id"])
    shown = desk.clinics(world.folder, clock=clock)[0]
    assert (shown["offered"], shown["undecided"], shown["name"]) == (1, 1, "Clinique du Fjord")
    agent.beat(disk="low")
    assert state() == "degraded"
    clock.tick(minutes=4)
    assert state() == "silent"
    desk.offers(world.folder, start=False)
    assert state() == "stopped"
    one = desk.clinic(world.folder, "fjord", clock=clock)
    assert (one["turn"]["number"] > 0, one["beat"]["disk"], one["view"]["seq"]) == (True, "low", 1)


def test_the_desk_follows_a_booking(world: Any, agent: Any, portal: Any, slot: Any) -> None:
    """Versions and outcomes, and never a patient."""
    agent.snapshot([slot("a")])
    portal.book(agent, "booking-1", slot("a")["id"])
    agent.report("booking-1", 1, 1, "booked")
    (shown,) = desk.booking(world.folder, "booking-1")
    assert (shown["word"], shown["clinic"], shown["portal"]) == ("booked", "fjord", "portail")
    assert [one["version"] for one in shown["versions"]] == [1]
    assert "patient" not in json.dumps(shown)
    assert desk.booking(world.folder, "booking-9") == []


def test_a_restore_by_other_means_can_be_said(world: Any) -> None:
    """The log id changes, and with it every agent's cursor is void."""
    desk.restored(world.folder)
    assert world.hub.store.setting("log") != world.hub.log


def test_a_server_database_is_backed_up_by_itself(world: Any, tmp_path: Path) -> None:
    """`backup` copies the SQLite file and says so when there is none."""
    world.hub.store.file.rename(tmp_path / "away")
    (world.folder / "hub.json").write_text(json.dumps({"origin": "https://x", "database": "sqlite://"}))
    with pytest.raises(Refused, match="its own backup"):
        desk.backup(world.folder, tmp_path / "copy.db")


def test_the_published_contract_is_the_applications(world: Any, tmp_path: Path) -> None:
    """hub/openapi.json is what the app says, byte for byte; `python -m hub.contract` writes it."""
    contract.write(tmp_path / "contract.json")
    published = Path(serve.__file__).with_name("openapi.json").read_text(encoding="utf-8")
    assert published == (tmp_path / "contract.json").read_text(encoding="utf-8") == contract.contract(world.app)
    assert json.loads(published)["openapi"].startswith("3.1")


def test_the_clock_is_aware() -> None:
    """Times without a zone never enter the hub."""
    assert WallClock().now().utcoffset() == timedelta(0)


def test_a_taken_port_is_said_plainly(tmp_path: Path) -> None:
    """Whoever starts a second hub reads which port is taken, not a library's line, and nothing says it listens."""
    said: list[str] = []
    desk.init(tmp_path, "https://127.0.0.1:8443")
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(Misconfigured) as wrong:
        serve.serve(tmp_path, "127.0.0.1", taken.getsockname()[1], listens=lambda: said.append("listens"))
    assert "cannot be listened on" in str(wrong.value)
    assert said == []


def test_a_certificate_that_cannot_be_read_is_said_plainly(tmp_path: Path) -> None:
    """A missing file and one that is no certificate are the operator's to mend."""
    desk.init(tmp_path, "https://127.0.0.1:8443")
    junk = tmp_path / "junk.pem"
    junk.write_text("no certificate", encoding="utf-8")
    for file in (tmp_path / "missing.pem", junk):
        with pytest.raises(Misconfigured) as wrong:
            serve.server(tmp_path, "127.0.0.1", 0, file, file)
        assert "cannot be read" in str(wrong.value)
