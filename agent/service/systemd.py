"""The service under systemd.

Rule: a packaged unit is enabled and disabled, never written; only an installation without a package gets a unit of ours.
"""

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

from agent.core.errors import Misconfigured, Transient
from agent.core.message import Message, say
from agent.service.model import NAME, State, Status

assert sys.platform != "win32"  # noqa: S101 - tells the type checker whose file this is

UNIT = f"{NAME}.service"
OURS = Path("/etc/systemd/system") / UNIT
BOOTED = Path("/run/systemd/system")
"""There while systemd is the machine's first process (sd_booted(3))."""
LONGEST_S = 120
"""Longer than TimeoutStartSec of the unit."""
_STATES = {
    "active": State.RUNNING,
    "reloading": State.RUNNING,
    "activating": State.STARTING,
    "deactivating": State.STOPPING,
    "failed": State.FAILED,
}
_LOG = say("creneau check; the log: journalctl -u creneau")


class Systemd:
    """Speaks to systemctl(1), in its machine-readable form. `ours`: where a unit without a package is written."""

    def __init__(self, config: Path, ours: Path = OURS) -> None:
        self._config = config
        self._ours = ours

    def install(self) -> None:
        """Enable the package's unit, or write one for this environment first."""
        doing = say("install the service")
        if not self._show("FragmentPath"):
            self._write(doing)
            self._ask("daemon-reload", doing=doing)
        self._ask("enable", "--quiet", UNIT, doing=doing)

    def start(self) -> None:
        """Start; systemd waits for the agent's own READY."""
        doing = say("start the service")
        if not self._config.exists():
            raise Misconfigured(
                doing, say("the file does not exist"), say("creneau init writes one"), file=str(self._config)
            )
        self._ask("start", UNIT, doing=doing)

    def stop(self) -> None:
        """Stop."""
        self._ask("stop", UNIT, doing=say("stop the service"))

    def status(self) -> Status:
        """Return how it is."""
        names = ("LoadState", "ActiveState", "UnitFileState", "NRestarts", "User")
        shown = dict(line.partition("=")[::2] for line in self._show(*names).splitlines())
        if shown.get("LoadState") != "loaded":
            return Status(State.ABSENT, automatic=False)
        return Status(
            _STATES.get(shown.get("ActiveState", ""), State.STOPPED),
            automatic=shown.get("UnitFileState") == "enabled",
            restarts=int(shown.get("NRestarts") or 0),
            account=shown.get("User") or "root",
        )

    def uninstall(self) -> None:
        """Disable and stop it; a unit of ours is taken away."""
        doing = say("uninstall the service")
        if self.status().state is State.ABSENT:
            return
        self._ask("disable", "--quiet", "--now", UNIT, doing=doing)
        if self._ours.exists():
            self._ours.unlink()
            self._ask("daemon-reload", doing=doing)

    def _show(self, *names: str) -> str:
        words = [f"--property={','.join(names)}", *(["--value"] if len(names) == 1 else [])]
        return self._run(say("ask the service manager"), "show", UNIT, *words).stdout.strip()

    def _ask(self, *words: str, doing: Message) -> None:
        done = self._run(doing, *words)
        if done.returncode == 0:
            return
        if os.geteuid() != 0:
            hint = say("run the command as an administrator or as the service's account")
            raise Misconfigured(doing, say("this account may not do this"), hint)
        raise Transient(doing, say("systemd answers with code {code}", code=done.returncode), _LOG)

    @staticmethod
    def _run(doing: Message, *words: str) -> "subprocess.CompletedProcess[str]":
        tool = shutil.which("systemctl")
        if tool is None or not BOOTED.is_dir():
            hint = say("run it by hand: creneau run")
            raise Misconfigured(doing, say("this machine does not run systemd"), hint)
        try:
            return subprocess.run(  # noqa: S603 - systemctl and fixed words
                [tool, "--no-ask-password", *words],
                capture_output=True,
                text=True,
                check=False,
                timeout=LONGEST_S,
                env={**os.environ, "LC_ALL": "C"},
            )
        except subprocess.TimeoutExpired as late:
            raise Transient(doing, say("systemd did not answer in time"), _LOG) from late

    def _write(self, doing: Message) -> None:
        """Write the packaged unit for this environment: this interpreter, this file, a root key of the data folder."""
        try:
            pwd.getpwnam(NAME)
        except KeyError as cause:
            hint = say("adduser --system --group --home /var/lib/creneau --no-create-home creneau")
            raise Misconfigured(doing, say("there is no account creneau"), hint) from cause
        text = Path(__file__).with_name(UNIT).read_text("utf-8")
        mine = {
            "ExecStart": f"{sys.executable} -m agent --config {self._config} run",
            "ConditionPathExists": str(self._config),
        }
        lines = []
        for line in text.splitlines():
            key = line.partition("=")[0]
            if not line.startswith("LoadCredentialEncrypted"):
                lines.append(f"{key}={mine[key]}" if key in mine else line)
        try:
            self._ours.write_text("\n".join(lines) + "\n", "utf-8")
        except OSError as cause:
            hint = say("run the command as an administrator or as the service's account")
            raise Misconfigured(doing, say("the file cannot be written"), hint, file=str(self._ours)) from cause
