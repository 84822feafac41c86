"""`check machine`: what a machine can trip the agent up with, each with its remedy."""

import http.server
import os
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.config import read_plan
from agent.core.errors import Misconfigured
from agent.core.model import Finding
from agent.keys import make_root, root_key
from agent.wiring.catalog import entries
from agent.wiring.machine import machine_findings
from agent.wiring.machine.drivers import driver_findings, port_findings
from agent.wiring.machine.way import way_findings
from agent.wiring.owner import as_owner
from agent.wiring.sample import Sample
from hub import tls

linux = pytest.mark.skipif(sys.platform == "win32", reason="only on systems with /proc and accounts by number")


def codes(found: object) -> dict[str, str]:
    """Return {code: severity}."""
    assert isinstance(found, list)
    return {one.code.removeprefix("machine."): one.severity.value for one in found}


def test_a_sound_way_to_the_hub_names_its_certificate(sample: Sample) -> None:
    """The firewall's owner gets one line; name, port, certificate and answer are well."""
    assert sample.hub is not None
    found = list(way_findings(sample.hub.url, str(sample.hub.ca_file), ""))
    assert codes(found) == {"firewall-line": "note", "tls": "ok"}
    assert dict(found[0].says.args)["port"] == sample.hub.url.rpartition(":")[2]


def test_a_private_authority_nobody_named_is_named(sample: Sample) -> None:
    """The finding says who issued what we were shown: that is the box, or the authority to put under ca_file."""
    assert sample.hub is not None
    found = list(way_findings(sample.hub.url, "", ""))
    assert codes(found) == {"firewall-line": "note", "certificate": "fault"}
    assert dict(found[1].says.args)["issuer"] not in {"", "?"}
    assert codes(list(way_findings(sample.hub.url, "/nowhere.pem", "")))["authority"] == "fault"


def test_nobody_there_and_no_such_name() -> None:
    """A closed port and an unknown name are two findings."""
    with closing(socket.create_server(("127.0.0.1", 0))) as ear:
        port = ear.getsockname()[1]
    assert codes(list(way_findings(f"https://127.0.0.1:{port}", "", "")))["port"] == "fault"
    assert codes(list(way_findings("https://name.invalid", "", "")))["name"] == "fault"
    assert codes(list(way_findings("https://name.invalid", "", f"http://127.0.0.1:{port}")))["port"] == "fault"


def test_a_proxy_that_answers_is_all_that_is_looked_at(sample: Sample) -> None:
    """Beyond it only the signed question of `check hub` can tell."""
    assert sample.hub is not None
    found = list(way_findings("https://name.invalid", "", sample.hub.url.replace("https", "http")))
    assert codes(found) == {"firewall-line": "note", "proxy": "ok"}


@contextmanager
def page(folder: Path, *, secure: bool) -> Iterator[tuple[str, str]]:
    """Lend (url, ca_file) of a server that is no hub."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>portal")

        def log_message(self, *said: object) -> None:
            pass

    files = tls.private_files(folder, "127.0.0.1", SystemClock().now().utc)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        if secure:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(files.cert, files.key)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{server.server_address[1]}", str(files.ca)
        server.shutdown()
        thread.join()


def test_something_else_that_answers_is_noticed(tmp_path: Path) -> None:
    """A portal page over good TLS, and a port that speaks no TLS at all."""
    with page(tmp_path, secure=True) as (url, ca):
        assert codes(list(way_findings(url, ca, "")))["middlebox"] == "warn"
    with page(tmp_path, secure=False) as (url, ca):
        assert codes(list(way_findings(url, ca, "")))["tls"] == "fault"


def test_a_missing_driver_is_named_with_what_is_there(sample: Sample) -> None:
    """Driver, data source, and a path to a driver; SQLite needs none."""
    plan = read_plan(sample.file, entries())

    def told(connection: str) -> list[Finding]:
        source = replace(plan.emrs[0], options={**plan.emrs[0].options, "connection": connection})
        return list(driver_findings(replace(plan, emrs=(source,))))

    assert told(f"sqlite:///{sample.emr}") == []
    assert codes(told("DRIVER={No Such Driver};SERVER=x")) == {"odbc": "fault"}
    assert codes(told("DSN=NoSuchSource")) == {"odbc": "fault"}
    assert codes(told("DRIVER=/usr/lib/libmaodbc.so;SERVER=x")) == {"odbc": "ok"}


@linux
def test_a_port_that_is_taken_is_named_with_its_owner(sample: Sample) -> None:
    """A source that listens finds its port held by another program; a running agent holds it itself."""
    plan = read_plan(sample.file, entries())
    with closing(socket.create_server(("127.0.0.1", 0))) as ear:
        options = {**plan.emrs[0].options, "host": "127.0.0.1", "port": ear.getsockname()[1]}
        taken = replace(plan, emrs=(replace(plan.emrs[0], options=options),))
        (found,) = port_findings(taken, running=False)
        assert found.code == "machine.port-taken"
        assert dict(found.says.args)["owner"] == Path("/proc/self/comm").read_text(encoding="utf-8").strip()
        assert list(port_findings(taken, running=True)) == []
    assert list(port_findings(taken, running=False)) == []
    far = replace(plan, emrs=(replace(plan.emrs[0], options={**options, "port": 99_999}),))
    assert list(port_findings(far, running=False)) == []


@linux
def test_what_surrounds_the_agent_is_read_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clock, restart, sleep, antivirus: each a finding when its trace is there, none when it is not."""
    from agent.wiring.machine.linux import listener, surroundings

    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    state = tmp_path / "state"
    state.mkdir()
    assert set(codes(list(surroundings(state, tmp_path)))) == {"vault", "clock-service"}
    for place in ("run/reboot-required", "etc/systemd/system/display-manager.service", "opt/sophos-spl", "run/chrony"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()
    (state / "vault-key.cred").touch()
    found = codes(list(surroundings(state, tmp_path)))
    assert found == {"vault": "ok", "reboot": "note", "sleep": "warn", "antivirus": "note"}
    (tmp_path / "etc/systemd/system/sleep.target").symlink_to("/dev/null")
    assert "sleep" not in codes(list(surroundings(state, tmp_path)))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("locale.getencoding", lambda: "cp850")
    assert {"account": "warn", "code-page": "note"}.items() <= codes(list(surroundings(state, tmp_path))).items()
    assert listener(1, tmp_path) == ""


def test_check_machine_answers_for_the_whole_machine(sample: Sample) -> None:
    """All parts in one answer, running or not."""
    plan = read_plan(sample.file, entries())
    found = codes(list(machine_findings(plan, running=False)))
    assert {"system", "vault", "firewall-line", "tls"} <= set(found)
    assert {"machine.system", "machine.tls"} <= {
        line["code"] for line in sample.ask("check", part="machine")["findings"]
    }


@linux
def test_an_administrator_works_as_the_owner_of_the_folder(tmp_path: Path) -> None:
    """What root's command line makes in the service's folder is the service's; afterwards root is root again."""
    if os.geteuid() != 0:
        with as_owner(tmp_path):
            assert os.geteuid() != 0
        return
    tmp_path.chmod(0o755)
    folder = tmp_path / "etat"
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    for parent in folder.parents:
        if parent.stat().st_uid == 0 and not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)
    with as_owner(folder):
        (folder / "made").touch()
        assert os.geteuid() == 65534
    assert (os.geteuid(), os.getegid()) == (0, 0)
    assert (folder / "made").stat().st_uid == 65534
    with as_owner(tmp_path):
        assert os.geteuid() == 0


@linux
def test_a_sealed_root_key_counts_as_one_and_opens_through_systemd_only(tmp_path: Path) -> None:
    """No second key is made beside it; what systemd does not open is said in words."""
    (tmp_path / "vault-key.cred").write_bytes(b"sealed elsewhere")
    assert not make_root(tmp_path)
    with pytest.raises(Misconfigured, match="sealed for another machine"):
        root_key(tmp_path, {})
    assert not (tmp_path / "vault-key").exists()
