"""A Debian that really booted: commands run as root inside it, and what comes by itself is waited for.

Rule: nothing is written outside its state's folder.
"""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
PATIENCE_S = 120


class Machine:
    """A booted Debian; every command runs as root inside it."""

    def __init__(self, root: str, state: str, dist: str) -> None:
        self.state = state
        self._boot = [str(HERE / "machine" / "boot"), root, state, f"--bind-ro={dist}:/srv/dist"]

    def boot(self) -> None:
        """Power on; "degraded" would mean that a unit failed."""
        done = subprocess.run(self._boot, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"NO BOOT: this kernel does not let a container boot here\n{done.stderr}")
        if done.stdout.strip() != "running":
            print(self.sh("systemctl --failed --no-legend", code=None))

    def off(self) -> None:
        """Power off."""
        subprocess.run([str(HERE / "machine" / "stop"), self.state], check=True)

    def sh(self, script: str, code: int | None = 0) -> str:
        """Run a script of the shell and return what it printed; its exit code must be `code` (None: any)."""
        done = subprocess.run(
            [str(HERE / "machine" / "run"), self.state, "sh", "-ec", f"cd /srv/work && {script}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if code is not None and done.returncode != code:
            raise SystemExit(f"FAILED ({done.returncode}, not {code}): {script}\n{done.stdout}\n{self._log()}")
        return done.stdout

    def _log(self) -> str:
        units = ("-u", "creneau", "-u", "carrefour", "-u", "ancien")
        run = [str(HERE / "machine" / "run"), self.state, "journalctl", "-n60", "--no-pager", *units]
        return subprocess.run(run, capture_output=True, text=True, check=False).stdout

    def show(self, name: str) -> str:
        """Return a property of the service."""
        return self.sh(f"systemctl show creneau -p {name} --value").strip()

    def until(self, what: str, ready: Callable[[], object]) -> float:
        """Wait until it is so; return how many seconds it took."""
        begun = time.monotonic()
        while not ready():
            if time.monotonic() - begun > PATIENCE_S:
                raise SystemExit(f"NEVER: {what}\n{self._log()}")
            time.sleep(0.1)
        return time.monotonic() - begun
