"""What a Linux machine has around the agent: clock service, sleep, pending reboot, antivirus, who listens.

Rule: read from files, never from what a tool prints; a file that may not be read is no finding.
"""

import locale
import os
import pwd
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from agent.core.message import say
from agent.core.model import Finding, Severity
from agent.keys.root import SEALED

assert sys.platform != "win32"  # noqa: S101 - tells the type checker whose file this is

CLOCKS = ("run/systemd/timesync/synchronized", "run/chrony", "run/chrony-helper", "run/ntpd.pid", "run/openntpd.sock")
ANTIVIRUS = {
    "ClamAV": "etc/systemd/system/multi-user.target.wants/clamav-clamonacc.service",
    "Microsoft Defender": "opt/microsoft/mdatp",
    "CrowdStrike Falcon": "opt/CrowdStrike",
    "Sophos": "opt/sophos-spl",
    "SentinelOne": "opt/sentinelone",
}


def surroundings(folder: Path, root: Path = Path("/")) -> Iterable[Finding]:
    """Yield what a service of years trips over. `root`: where the system stands."""
    yield from _account()
    yield from _vault(folder)
    if not any((root / place).exists() for place in CLOCKS):
        says = say("no time synchronisation is seen to run")
        yield Finding("machine.clock-service", Severity.NOTE, says, say("sudo timedatectl set-ntp true"))
    if (root / "run/reboot-required").exists():
        says = say("the system waits for a restart since its last update")
        yield Finding("machine.reboot", Severity.NOTE, says, say("restart it outside opening hours"))
    yield from _sleep(root)
    for name, place in ANTIVIRUS.items():
        if (root / place).exists():
            says = say("the antivirus {name} is installed", name=name)
            hint = say("exclude {folder} from its scans: a scanned journal is slow, or locked", folder=str(folder))
            yield Finding("machine.antivirus", Severity.NOTE, says, hint)
    encoding = locale.getencoding()
    if encoding.replace("-", "").casefold() not in {"utf8", "ascii", "ansi_x3.41968"}:
        says = say("this system's code page is {encoding}", encoding=encoding)
        yield Finding("machine.code-page", Severity.NOTE, says, say("files of the EMR are read in their own encoding"))


def _account() -> Iterator[Finding]:
    if os.geteuid() == 0:
        says = say("the agent would run as root: it needs no such rights")
        yield Finding("machine.account", Severity.WARN, says, say("creneau service install"))


def _vault(folder: Path) -> Iterator[Finding]:
    if os.environ.get("CREDENTIALS_DIRECTORY") or (folder / SEALED).exists():
        yield Finding("machine.vault", Severity.OK, say("the vault's key is sealed to this machine by systemd"))
    else:
        says = say("the vault's key lies in the data folder: whoever copies the folder opens the vault")
        hint = say("install the package, which seals it, or encrypt the disk")
        yield Finding("machine.vault", Severity.NOTE, says, hint)


def _sleep(root: Path) -> Iterator[Finding]:
    masked = root / "etc/systemd/system/sleep.target"
    if masked.is_symlink() and masked.readlink() == Path("/dev/null"):
        return
    desk = (root / "etc/systemd/system/display-manager.service").exists()
    battery = any((root / "sys/class/power_supply").glob("BAT*"))
    if desk or battery:
        says = say("this machine may go to sleep")
        hint = say("sudo systemctl mask sleep.target suspend.target hibernate.target")
        yield Finding("machine.sleep", Severity.WARN, says, hint)


def account() -> str:
    """Return the account the work is done as."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid:{os.geteuid()}"


def listener(port: int, proc: Path = Path("/proc")) -> str:
    """Return the name of the program that listens on a TCP port, "" when it cannot be seen (proc(5), net/tcp)."""
    inodes = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in (proc / "net" / table).read_text("ascii").splitlines()[1:]:
                words = line.split()
                if words[3] == "0A" and int(words[1].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{words[9]}]")
    for process in proc.glob("[0-9]*"):
        with suppress(OSError):
            if any(str(handle.readlink()) in inodes for handle in (process / "fd").iterdir()):
                return (process / "comm").read_text("utf-8", "replace").strip()
    return ""
