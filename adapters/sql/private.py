"""A private MariaDB server with an EMR's tables, for tests and benches.

Rule: loopback and a data folder of its own, as whoever runs it; nothing of the machine's is touched or left.
"""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from copy import copy
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from adapters.sql import mariadb_schema, openemr
from adapters.sql.grants import script
from adapters.sql.mapping import Booking
from adapters.sql.mariadb import Mariadb
from adapters.sql.openemr import OpenEmr
from adapters.sql.openemr import schema as openemr_schema
from adapters.sql.oscar import Oscar, Terms
from adapters.sql.sidecar import TABLE
from agent.core.model import EmrName

DRIVER = "MariaDB Unicode"
USER, PASSWORD = "creneau", "m;ot} de {passe=é"
DESK, DESK_PASSWORD = "oscar", "accueil"
_WAIT_S = 120
_PORTS = (10_000, 32_000)
"""Linux gives out 32768 and up to who asks for any port, Windows 49152 and up."""


@dataclass(frozen=True)
class Database:
    """One EMR's: its name, its statements, and the mapping whose rights our account gets; `sidecar` or a token."""

    name: str
    charset: str
    tables: Sequence[str]
    mapping: Booking
    sidecar: bool = True


NAME = EmrName("dme")
OSCAR = Database("oscar", "utf8mb3", mariadb_schema.TABLES, Oscar(Terms(NAME, ())))
OPENEMR = Database("openemr", "utf8mb4", openemr_schema.TABLES, OpenEmr(openemr.Terms(NAME, ())))


def missing() -> str:
    """Say what this machine lacks to run one; "" when nothing."""
    for program in ("mariadbd", "mariadb-install-db"):
        if not _program(program):
            return f"{program} is not installed (Debian: mariadb-server-core and mariadb-client-core)"
    return unregistered(DRIVER, "odbc-mariadb")


def unregistered(name: str, package: str) -> str:
    """Say what this machine lacks of an ODBC driver, "" when nothing; `package`: Debian's."""
    try:
        drivers = import_module("pyodbc").drivers()
    except ImportError:
        return "pyodbc or unixODBC is not installed"
    return "" if name in drivers else f"the ODBC driver {name} is not registered (Debian: {package})"


@dataclass
class Server:
    """One server. `durable`: commits reach the disk, so that a kill of the server loses none. Context: `with serving()`."""

    folder: Path
    durable: bool = False
    database: Database = OSCAR
    port: int = field(init=False, default=0)
    _process: subprocess.Popen[bytes] | None = field(init=False, default=None, repr=False)

    def make(self) -> None:
        """Make the data folder."""
        words = ["--auth-root-authentication-method=normal", "--skip-test-db", *_account()]
        with (self.folder / "install.log").open("wb") as log:
            subprocess.run(  # noqa: S603 - our own words
                [_program("mariadb-install-db"), "--no-defaults", f"--datadir={self.folder / 'my'}", *words],
                check=True,
                stdout=log,
                stderr=log,
                env=self._environ(),
            )

    def start(self) -> None:
        """Start and wait until it answers; the port is chosen once, and kept over restarts."""
        for _ in range(1 if self.port else 5):  # somebody may take a free port before the server does
            port = self.port or free_port()
            if self._starts(port):
                self.port = port
                return
        raise RuntimeError((self.folder / "server.log").read_text(errors="replace")[-2000:])

    def _starts(self, port: int) -> bool:
        # A site of OSCAR's runs without strict mode; the others must stand it too.
        words = [
            f"--datadir={self.folder / 'my'}",
            f"--socket={self.folder / 's'}",
            f"--pid-file={self.folder / 'pid'}",
            "--bind-address=127.0.0.1",
            f"--port={port}",
            "--innodb-buffer-pool-size=64M",
            f"--innodb-flush-log-at-trx-commit={int(self.durable)}",
            "--sql-mode=",
            "--innodb-strict-mode=OFF",
            *_account(),
        ]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own words
                [_program("mariadbd"), "--no-defaults", *words], stdout=log, stderr=log, env=self._environ()
            )
        pause = threading.Event()
        for _ in range(_WAIT_S * 20):
            if self._process.poll() is not None:
                return False
            with suppress(Exception), closing(self.root()):
                return True
            pause.wait(0.05)
        return False

    def _environ(self) -> dict[str, str]:
        """Return an environment with a temporary folder of its own: a server that starts clears other servers' tables there."""
        scratch = self.folder / "tmp"
        scratch.mkdir(exist_ok=True)
        return {**os.environ, "TMPDIR": str(scratch)}

    def stop(self, *, kill: bool = False) -> None:
        """End it and wait; `kill`: as a power switch would."""
        if self._process is not None:
            (self._process.kill if kill else self._process.terminate)()
            self._process.wait(_WAIT_S)
            self._process = None

    @property
    def pid(self) -> int:
        """Return the running server's process."""
        if self._process is None:
            raise RuntimeError("not running")
        return self._process.pid

    @property
    def connection(self) -> str:
        """Return what a clinic writes as `connection`."""
        return f"DRIVER={{{DRIVER}}};SERVER=127.0.0.1;PORT={self.port};DATABASE={self.database.name}"

    def dialect(self) -> Mariadb:
        """Return the agent's way in, with the agent's own account."""
        return Mariadb(self.connection, USER, lambda: PASSWORD, "dme")

    def root(self, base: str = "") -> Any:
        """Open a connection that may do everything, each statement for itself."""
        return self._open("root", "", base)

    def desk(self) -> str:
        """Return the connection text of the screens' own account."""
        return f"{self.connection};UID={DESK};PWD={DESK_PASSWORD};CHARSET=utf8mb4"

    def fill(self) -> None:
        """Make the EMR's database and both accounts; ours gets what `creneau emr grants` prints and nothing more."""
        base = self.database
        with closing(self.root()) as root:
            root.execute(f"CREATE DATABASE {base.name} CHARACTER SET {base.charset}")
            root.execute(f"CREATE USER IF NOT EXISTS {DESK}@localhost IDENTIFIED BY '{DESK_PASSWORD}'")
            root.execute(f"GRANT ALL ON {base.name}.* TO {DESK}@localhost")
            root.execute(f"CREATE USER IF NOT EXISTS {USER}@localhost IDENTIFIED BY '{PASSWORD}'")
        with closing(self.root(base.name)) as root:
            for table in base.tables:
                root.execute(table)
            run(root, script(self.dialect(), base.mapping, sidecar=base.sidecar))

    def beside(self, database: Database) -> "Server":
        """Make another EMR's database on this server, and return the same server as seen from there."""
        other = copy(self)
        other.database = database
        other.fill()
        return other

    def empty(self) -> None:
        """Take every row out of every table."""
        with closing(self.root(self.database.name)) as root:
            for table in (*self.database.mapping.tables, *([TABLE] if self.database.sidecar else [])):
                root.execute(f"DELETE FROM {table}")  # noqa: S608 - our own words

    def load(self, tables: dict[str, tuple[Sequence[str], Sequence[Sequence[Any]]]]) -> None:
        """Insert rows: {table: (columns, rows)}."""
        with closing(self.root(self.database.name)) as root:
            root.execute("START TRANSACTION")
            for table, (columns, rows) in tables.items():
                places = ", ".join("?" * len(columns))
                if rows:
                    statement = f"INSERT INTO {table}({', '.join(columns)}) VALUES({places})"
                    root.cursor().executemany(statement, [tuple(row) for row in rows])
            root.execute("COMMIT")

    def _open(self, user: str, password: str, base: str) -> Any:
        text = (
            f"DRIVER={{{DRIVER}}};SERVER=localhost;SOCKET={self.folder / 's'};UID={user};PWD={password};CHARSET=utf8mb4"
        )
        connection = _pyodbc().connect(f"{text};DATABASE={base}" if base else text, autocommit=True, timeout=5)
        connection.maxwrite = 1 << 30
        return connection


@contextmanager
def serving(database: Database = OSCAR, *, durable: bool = False, filled: bool = True) -> Iterator[Server]:
    """Make, start and lend a server; `filled`: it has the EMR's database and both accounts already."""
    folder = Path(tempfile.mkdtemp(prefix="creneau-db-"))  # short: a socket's path ends at 108 characters
    server = Server(folder, durable, database)
    try:
        server.make()
        server.start()
        if filled:
            server.fill()
        yield server
    finally:
        server.stop(kill=True)
        shutil.rmtree(folder, ignore_errors=True)


def run(connection: Any, script: str) -> None:
    """Run statements as `creneau emr grants` prints them: comments, and a semicolon at the end of a line."""
    lines = [line for line in script.splitlines() if not line.startswith("--")]
    for statement in "\n".join(lines).split(";\n"):
        if statement.strip():
            connection.execute(statement.strip().removesuffix(";"))


def connect(text: str) -> Any:
    """Open a connection text as the EMR's own screens would: no waiting for ever, one transaction till commit()."""
    connection = _pyodbc().connect(text, timeout=5, autocommit=False)
    connection.maxwrite = 1 << 30
    return connection


def _pyodbc() -> Any:
    driver: Any = import_module("pyodbc")
    driver.pooling = False
    return driver


def _program(name: str) -> str:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin") or ""


def _account() -> list[str]:
    return ["--user=root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []


def free_port() -> int:
    """Return a port nobody listens on now, below those a system hands out by itself: nobody is given it meanwhile."""
    while True:
        port = _PORTS[0] + secrets.randbelow(_PORTS[1] - _PORTS[0])
        with suppress(OSError), socket.socket() as line:
            line.bind(("127.0.0.1", port))
            return port
