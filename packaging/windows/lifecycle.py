"""Live the MSI's whole life under Wine, with a booking applied before and after each turn of it.

Rule: the commands a clinic types come from docs/install-windows.md, word for word but for its example values.
"""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE, _, ENGLISH = (ROOT / "docs" / "install-windows.md").read_text("utf-8").partition("\n# Install on Windows")
BLOCK = re.compile(r"^## (\d)|^```bat\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROGRAM = r"C:\Program Files\Creneau"
SERVICE = r"HKLM\SYSTEM\CurrentControlSet\Services\Creneau"
SESSIONS = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager"
PATIENCE_S = 120
REFUSED = 1603 % 256
"""What msiexec answers to a downgrade; Wine's exit codes have eight bits."""


class Windows:
    """A Wine prefix; every command runs as an administrator in it."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.drive = Path(prefix, "drive_c")

    def bat(self, lines: str, code: int | None = 0) -> str:
        """Run lines of a command prompt; `creneau` is the installed command."""
        called = re.sub(r"(?m)(^|\| ?)creneau ", r"\1call creneau.cmd ", lines)
        script = f"@echo off\nset CRENEAU_DEBUG=1\ncd /d C:\\work\n{called}\nexit /b %ERRORLEVEL%\n"
        (self.drive / "work").mkdir(exist_ok=True)
        (self.drive / "work" / "t.bat").write_bytes(script.replace("\n", "\r\n").encode("utf-8"))
        return self.run("cmd", "/c", r"C:\work\t.bat", code=code)

    def run(self, *words: str, code: int | None = 0) -> str:
        """Run a program."""
        done = subprocess.run(
            [str(HERE / "machine" / "run"), self.prefix, *words],
            capture_output=True,
            text=True,
            check=False,
            errors="replace",
        )
        if code is not None and done.returncode != code:
            raise SystemExit(
                f"FAILED ({done.returncode}, not {code}): {words}\n{done.stdout}{done.stderr}\n{self.log()}"
            )
        return done.stdout

    def creneau(self, *words: str, code: int | None = 0) -> str:
        """Run the installed command without a prompt around it."""
        return self.run(
            rf"{PROGRAM}\python\python.exe", "-B", "-X", "utf8", "-m", "agent", "--lang", "en", *words, code=code
        )

    def resident_mb(self) -> int:
        """Return what the service's process holds in memory, as this side's kernel counts it; 0: it does not run."""
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                ours = self.prefix.encode() in (process / "environ").read_bytes()
                if ours and b"pythonservice" in (process / "cmdline").read_bytes():
                    found = re.search(r"VmRSS:\s+(\d+)", (process / "status").read_text("ascii"))
                    return int(found[1]) // 1024 if found else 0
        return 0

    def registry(self, key: str, name: str) -> str:
        """Return the line of a value; empty: there is none."""
        told = self.run("reg", "query", key, "/v", name, code=None)
        return next((line.strip() for line in told.splitlines() if line.split()[:1] == [name]), "")

    def log(self) -> str:
        """Return the end of the service's log."""
        file = self.drive / "ProgramData" / "Creneau" / "creneau.log"
        return "\n".join(file.read_text("utf-8").splitlines()[-30:]) if file.exists() else ""


class Life:
    """The steps, in order."""

    def __init__(self, windows: Windows, work: Path, tests: str) -> None:
        self.w, self.work, self.tests = windows, work, tests
        with socket.socket() as line:
            line.bind(("127.0.0.1", 0))
            self.port = line.getsockname()[1]
        self.url = f"https://127.0.0.1:{self.port}"
        self.emr = windows.drive / "dme" / "clinique.db"
        self.file = windows.drive / "ProgramData" / "Creneau" / "creneau.toml"
        self.program = windows.drive / "Program Files" / "Creneau"
        self.env = {**os.environ, "JUDGE_FOLDER": str(work), "JUDGE_EMR": str(self.emr), "JUDGE_URL": self.url}
        self.real: dict[str, str] = {}
        self.booked = 0

    def says(self, text: str) -> None:
        """Print one line."""
        print(f"  {text}", flush=True)

    def judge(self, *words: str) -> str:
        """Ask the judge, who lives on this side."""
        done = subprocess.run(
            [sys.executable, str(HERE.parent / "judge.py"), *words],
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"judge {words}: {done.stdout}{done.stderr}\n{self.w.log()}")
        return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""

    def page(self, number: int, *, skip: int = 0, only: int = 99) -> None:
        """Type what the page says under a heading."""
        at, lines = 0, []
        for heading, body in BLOCK.findall(PAGE):
            at = int(heading) if heading else at
            if not heading and at == number:
                lines += body.splitlines()
        for old, new in self.real.items():
            lines = [line.replace(old, new) for line in lines]
        for line in lines[skip : skip + only]:
            if not line.startswith("cd "):
                self.w.bat(f'cd /d "{PROGRAM}"\n{line}' if "msiexec" not in line else line)

    def booking(self, when: str) -> None:
        """Order a slot at the hub, and find it in the agenda."""
        self.booked += 1
        self.judge("order", f"{self.booked:08}")
        told = json.loads(self.judge("outcome", f"{self.booked:08}"))
        if told != {"outcome": "booked", "ours": self.booked}:
            raise SystemExit(f"booking {when}: {told}, expected {self.booked} of ours\n{self.w.log()}")
        self.says(f"booking applied {when}")

    def state(self) -> str:
        """Return the service's state, as our own command says it."""
        return str(json.loads(self.w.creneau("--json", "service", "status", code=None))["state"])

    def until(self, what: str, ready: Callable[[], object]) -> None:
        """Wait until it is so."""
        ends = time.monotonic() + PATIENCE_S
        while not ready():
            if time.monotonic() > ends:
                raise SystemExit(f"NEVER: {what}\n{self.w.log()}")
            time.sleep(0.5)

    def clinic(self) -> subprocess.Popen[bytes]:
        """Make EMR, hub and booking site on this side."""
        self.emr.parent.mkdir(exist_ok=True)
        code = self.judge("setup")
        self.real = {
            "https://carrefour.example.org": self.url,
            "DRIVER={MariaDB Unicode};SERVER=127.0.0.1;DATABASE=oscar": f"DRIVER={{SQLite3}};DATABASE={self.emr}",
            "K7QD-8M2XP-XXXXX-XXXXX-XXXXX-XXXXX-X": code,
        }
        words = ("-m", "agent", "hub", "serve", "--folder", str(self.work / "hub"), "--port", str(self.port))
        return subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def install(self) -> None:
        """Install in silence, configure, join, start."""
        begun = time.monotonic()
        self.page(1)
        self.says(f"installed in {time.monotonic() - begun:.1f} s")
        assert self.w.registry(SERVICE, "ImagePath")
        self.page(2)
        data = self.file.parent
        assert (data / "vault.dpapi").exists(), "the root key is not sealed by DPAPI"
        assert not (data / "vault-key").exists()
        ca = (self.work / "hub" / "tls" / "ca.pem").read_bytes()
        (data / "carrefour-ca.pem").write_bytes(ca)
        changes = (
            (r"^# ca_file = .*", "ca_file = 'carrefour-ca.pem'"),
            (r"^# bookings .*", 'bookings = "automatic"'),
            (r"^# poll .*", 'poll = "1s"'),
            (r"^enabled = false", "enabled = true"),
            (r"^expires = .*", "expires = 2099-01-01"),
        )
        text = self.file.read_text("utf-8")
        for old, new in changes:
            text = re.sub(old, new, text, flags=re.MULTILINE)
        self.file.write_text(text.replace("'carrefour-ca.pem'", r"'C:\ProgramData\Creneau\carrefour-ca.pem'"), "utf-8")
        self.page(3, only=1)
        self.says("check machine: " + ", ".join(self._codes()))
        self.page(3, skip=2)
        assert self.state() == "running"
        self.booking("after the installation")
        assert "DRIVER={SQLite3}" in text, "the agenda was not reached over ODBC"
        self.says("the agenda is read and written over ODBC")

    def _codes(self) -> list[str]:
        found = json.loads(self.w.creneau("--json", "check", "machine", code=None))["findings"]
        return [f"{line['code'].partition('.')[2]}={line['severity']}" for line in found]

    def pipe(self) -> None:
        """Ask the running service through its named pipe; another process may not take the state meanwhile."""

        def codes() -> set[str]:
            shown = json.loads(self.w.creneau("--json", "check", "hub", code=None))
            return {line["code"] for line in shown["findings"]}

        self.until("the service answers for the hub", lambda: codes() >= {"hub.enrolled", "hub.answers"})
        self.says("the command line reaches the service through the named pipe")

    def service(self) -> None:
        """Stop, start, restart; uninstall it and install it again without the MSI."""
        for act, state in (("stop", "stopped"), ("start", "running"), ("restart", "running")):
            begun = time.monotonic()
            self.w.creneau("service", act)
            self.says(f"service {act} in {time.monotonic() - begun:.1f} s, resident {self.w.resident_mb()} MB")
            assert self.state() == state
        assert "agent.stopped" in self.w.log()
        self.booking("after a stop and a start")
        self.w.creneau("service", "uninstall")
        self.until("the service is unknown", lambda: not self.w.registry(SERVICE, "ImagePath"))
        self.w.creneau("service", "install")
        assert "LocalService" in self.w.registry(SERVICE, "ObjectName")
        self.w.creneau("service", "start")
        self.booking("after the service was uninstalled and installed again")

    def own_tests(self) -> None:
        """Run the tests of what is particular to Windows, and of what must hold there too, by its interpreter."""
        names = ("windows", "agent\\test_keys_vault.py", "agent\\test_config_example.py", "agent\\test_board.py",
                 "agent\\journal\\test_box.py", "core\\test_release.py", "core\\test_envelope_signed.py", "core\\test_sharing.py",
                 "core\\test_sharing_times.py")  # fmt: skip
        words = ["-B", "-X", "utf8", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not who_comes_second"]
        told = self.w.run(
            rf"{self.tests}\python\python.exe", *words, *(rf"{self.tests}\tests\{name}" for name in names)
        )
        self.says(f"tests under Wine: {told.strip().splitlines()[-1]}")

    def upgrade(self) -> None:
        """Upgrade; the older one is refused then."""
        begun = time.monotonic()
        kept = self.file.read_bytes()
        self.page(5, only=1)
        self.until("running after the upgrade", lambda: self.state() == "running")
        self.says(f"upgraded in {time.monotonic() - begun:.1f} s")
        assert self.file.read_bytes() == kept
        self.booking("after the upgrade")
        self.w.bat("msiexec /i creneau-0.1.0.msi /qn", code=REFUSED)
        assert self.state() == "running"
        self.says("downgrade refused, still running")

    def end(self) -> None:
        """Remove while the agent takes its time to stop: service and program gone, data kept."""
        host = self.program / "site" / "agent" / "service" / "host.py"
        stop = "                running.stop()"
        host.write_text(
            host.read_text("utf-8").replace(stop, f"{stop}\n                __import__('time').sleep(8)"), "utf-8"
        )
        self.w.creneau("service", "restart")
        self.page(5, skip=1)
        self.until("the program's files are gone", lambda: not self.left())
        self.until("the service is gone", lambda: not self.w.registry(SERVICE, "ImagePath"))
        put_off = self.w.registry(SESSIONS, "PendingFileRenameOperations")
        assert not put_off, f"the removal waits for a restart: {put_off}"
        assert (self.file.parent / "journal.db").exists()
        self.says("removed: service and program gone, nothing put off to a restart, data kept")

    def left(self) -> list[str]:
        """Return the program's files still there; byte code apart, which Wine alone lets the service write there."""
        return [file.name for file in self.program.rglob("*") if file.is_file() and file.suffix != ".pyc"]


def main() -> None:
    """Run every step."""
    prefix, work, tests = sys.argv[1:]
    begun = time.monotonic()
    assert BLOCK.findall(PAGE) == BLOCK.findall(ENGLISH), "the page's two halves type different things"
    life = Life(Windows(prefix), Path(work), tests)
    hub = life.clinic()
    try:
        for step in (life.install, life.pipe, life.service, life.own_tests, life.upgrade, life.end):
            print(f"{step.__name__}: {(step.__doc__ or '').splitlines()[0]}", flush=True)
            step()
    finally:
        hub.kill()
        hub.wait()
    print(f"the MSI lives under Wine: every step passed in {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
