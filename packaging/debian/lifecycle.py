"""Live the package's whole life in a booted machine, with a booking applied before and after each turn of it.

Rule: the commands a clinic types come from docs/install-linux.md, word for word but for its example values.
"""

import json
import re
import sys
import time
from pathlib import Path

from booted import Machine

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "install-linux.md"
BLOCK = re.compile(r"^## (\d)|^```(sh|diff)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE, OLD = "/etc/creneau/creneau.toml", "/srv/ancien-etc/creneau.toml"
CODE = "K7QD-8M2XP-XXXXX-XXXXX-XXXXX-XXXXX-X"
BACK_S = 10


class Life:
    """The steps, in order; each prints one line of what was seen."""

    def __init__(self, machine: Machine, version: str, following: str, older: str) -> None:
        self.m = machine
        self.version, _, self.revision = version.partition("-")
        self.following, self.older = following, older
        self.deb = {one: f"creneau_{one}-{self.revision}_amd64.deb" for one in (self.version, following, older)}
        self.real: dict[str, str] = {}
        self.booked = 0
        self.text, _, english = PAGE.read_text("utf-8").partition("\n# Install on Linux")
        assert BLOCK.findall(self.text) == BLOCK.findall(english), "the page's two halves type different things"

    def page(self, *numbers: int) -> None:
        """Type what the page says under these headings; its French half has the commands."""
        for number in numbers:
            for kind, text in self.blocks(number):
                self.type(kind, text)

    def blocks(self, number: int) -> list[tuple[str, str]]:
        """Return (kind, text) of what the page shows to type under a heading."""
        at, found = 0, []
        for heading, kind, text in BLOCK.findall(self.text):
            at = int(heading) if heading else at
            if not heading and at == number:
                found.append((kind, self.mine(text)))
        return found

    def type(self, kind: str, text: str) -> None:
        """Type commands, or change a line of the file."""
        if kind == "diff":
            old, new = (line[1:] for line in text.splitlines())
            self.m.sh(f"grep -qF '{old}' {FILE} && sed -i 's|^{re.escape(old)}.*|{new}|' {FILE}")
        else:
            for line in text.splitlines():
                self.m.sh(line)

    def mine(self, text: str) -> str:
        """Return a text of the page with this run's values."""
        for old, new in self.real.items():
            text = text.replace(old, new)
        return text

    def says(self, text: str) -> None:
        """Print one line."""
        print(f"  {text}", flush=True)

    def judge(self, *words: str) -> str:
        """Ask the judge, who has a copy of the package of its own."""
        return self.m.sh(f"PYTHONPATH=/srv/judge python3 -B /srv/work/judge.py {' '.join(words)}").strip()

    def booking(self, when: str) -> None:
        """Order a slot at the hub, and find it in the agenda."""
        self.booked += 1
        self.judge("order", f"{self.booked:08}")
        self.seen(when)

    def seen(self, when: str) -> None:
        """Wait for the outcome of the last order; the agenda must hold every booking so far, once."""
        told = json.loads(self.judge("outcome", f"{self.booked:08}").splitlines()[-1])
        if told != {"outcome": "booked", "ours": self.booked}:
            raise SystemExit(f"booking {when}: {told}, expected {self.booked} of ours")
        self.says(f"booking applied {when}")

    def clinic(self) -> None:
        """Make EMR, hub and booking site beside the package."""
        site = f"dpkg-deb --fsys-tarfile /srv/dist/{self.deb[self.version]} | tar -x -C /srv/judge --strip-components=7"
        self.m.sh(f"mkdir -p /srv/judge && {site} --wildcards './usr/lib/creneau/lib/python3.*/site-packages'")
        code = self.judge("setup").splitlines()[-1]
        self.m.sh("cp /srv/hub/tls/ca.pem carrefour-ca.pem; groupadd dme; useradd manon")
        self.m.sh("chgrp -R dme /srv/dme; chmod 2770 /srv/dme; chmod 660 /srv/dme/clinique.db; cp /srv/dist/* .")
        self.hub()
        self.real = {
            "https://carrefour.example.org": "https://127.0.0.1:8443",
            "DRIVER={MariaDB Unicode};SERVER=127.0.0.1;DATABASE=oscar": "sqlite:////srv/dme/clinique.db",
            CODE: code,
            "$MOT_DE_PASSE": "mot de passe",
            "$PHRASE": "une phrase pour la sauvegarde",
            "0.1.1-1~deb12": f"{self.following}-{self.revision}",
            "0.1.0-1~deb12": f"{self.version}-{self.revision}",
        }  # fmt: skip

    def hub(self) -> None:
        """Start the hub as a unit of its own."""
        self.m.sh(
            "systemd-run -q --unit=carrefour --setenv=PYTHONPATH=/srv/judge --setenv=PYTHONDONTWRITEBYTECODE=1 "
            "python3 -m agent hub serve --folder /srv/hub"
        )
        self.listens(8443)

    def listens(self, port: int) -> None:
        """Wait until something listens."""
        look = f"import socket; socket.create_connection(('127.0.0.1', {port}))"
        self.m.until(f"port {port}", lambda: not self.m.sh(f'python3 -c "{look}" 2>&1', code=None))

    def install(self) -> None:
        """Install, configure, join, start: the page's steps 1 to 5."""
        begun = time.monotonic()
        self.page(1)
        self.says(
            f"installed in {time.monotonic() - begun:.1f} s, {self.m.sh('du -sm /usr/lib/creneau').split()[0]} MB on the disk"
        )
        assert self.m.show("ActiveState") == "inactive", "an agent ran before it was configured"
        self.m.sh("dpkg --verify creneau && systemctl is-enabled creneau")
        self.page(2, 3)
        self.m.sh(
            f'sed -i -E \'s/^# bookings .*/bookings = "automatic"/; s/^# poll .*/poll = "1s"/; s/^expires = .*/expires = 2099-01-01/\' {FILE}'
        )
        self.page(4, 5)
        assert self.m.show("ActiveState") == "active"
        began = int(self.m.show("ActiveEnterTimestampMonotonic")) - int(self.m.show("InactiveExitTimestampMonotonic"))
        memory = self.m.sh(f"grep -E '^Rss|^Private_Dirty' /proc/{self.pid()}/smaps_rollup").split()
        self.says(f"READY after {began / 1e6:.2f} s; resident {int(memory[1]) // 1024} MB")
        owners = set(self.m.sh("find /var/lib/creneau -printf '%u %m\\n' | sort -u").splitlines())
        assert owners <= {"creneau 700", "creneau 600", "creneau 400", "root 600"}, owners
        self.m.sh("systemd-analyze verify --man=no creneau.service creneau-hub.service")
        for unit in ("creneau", "creneau-hub"):
            shown = self.m.sh(f"systemd-analyze security --threshold=20 --no-pager {unit} | tail -1")
            self.says(f"{unit}: {shown.split(':', 1)[1].strip()}")
        self.booking("after the installation")

    def pid(self) -> str:
        """Return the agent's process."""
        return self.m.show("MainPID")

    def another(self, old: str) -> bool:
        """Say whether an agent other than process `old` is ready."""
        return self.m.show("ActiveState") == "active" and self.pid() not in {old, "0"}

    def killed(self) -> float:
        """Kill it; return after how many seconds another one is ready."""
        old = self.pid()
        self.m.sh(f"kill -9 {old}")
        return self.m.until("back after kill -9", lambda: self.another(old))

    def crash(self) -> None:
        """Kill it, then hang it: it comes back both times."""
        took = self.killed()
        for _again in range(2):  # a machine that is busy with something else may be slower once
            took = took if took < BACK_S else self.killed()
        assert took < BACK_S, f"{took} s"
        self.says(f"kill -9: back after {took:.1f} s")
        self.booking("after kill -9")
        self.m.sh("mkdir -p /run/systemd/system/creneau.service.d && printf '[Service]\\nWatchdogSec=6\\nTimeoutAbortSec=2\\nRestartSec=1\\n' "
                  "> /run/systemd/system/creneau.service.d/hang.conf && systemctl daemon-reload && systemctl restart creneau")  # fmt: skip
        old = self.pid()
        self.m.sh(f"kill -STOP {old}")
        took = self.m.until("back after a hang", lambda: self.another(old))
        self.m.until("the watchdog's line", lambda: "Watchdog timeout" in self.m.sh("journalctl -u creneau --no-pager"))
        self.says(f"hang: the watchdog (6 s) restarted it after {took:.1f} s")
        self.m.sh("rm -r /run/systemd/system/creneau.service.d && systemctl daemon-reload && systemctl restart creneau")
        self.booking("after a hang")

    def service(self) -> None:
        """Act on the service by our own command."""
        for act, state in (("stop", "stopped"), ("start", "running"), ("restart", "running"), ("uninstall", "stopped")):
            self.m.sh(f"creneau service {act}")
            told = json.loads(self.m.sh("creneau --json service status", code=None))
            assert told["state"] == state, told
        assert not told["automatic"], told
        self.m.sh("creneau service install; creneau service start; systemctl is-enabled creneau")
        self.booking("after the service was uninstalled and installed again")

    def upgrade(self) -> None:
        """Upgrade while the EMR and then the hub are away; what waits is done once they are back."""
        before = self.m.sh(f"cat {FILE}")
        self.m.sh("mv /srv/dme/clinique.db /srv/dme/absent.db")
        self.booked += 1
        self.judge("order", f"{self.booked:08}")
        self.m.until(
            "the order was taken", lambda: f"{self.booked:08}" in self.m.sh("creneau bookings --json", code=None)
        )
        self.m.sh("systemctl stop carrefour")
        old = self.pid()
        begun = time.monotonic()
        line = f"sudo apt-get install -y ./{self.deb[self.following]}"
        assert line in self.mine(self.text).splitlines(), "the page upgrades otherwise"
        self.m.sh(line)
        self.says(f"upgraded mid-outage in {time.monotonic() - begun:.1f} s")
        assert self.pid() != old
        assert self.m.sh(f"cat {FILE}") == before
        self.hub()
        self.m.sh("mv /srv/dme/absent.db /srv/dme/clinique.db; systemctl reload creneau")
        self.seen("that waited through the upgrade")
        refused = self.m.sh(f"apt-get install -y --allow-downgrades ./{self.deb[self.older]}", code=100)
        assert "cannot read its journal" in refused, refused
        assert self.m.show("ActiveState") == "active"
        self.says("downgrade refused, still running")
        self.booking("after a refused downgrade")

    def reboot(self) -> None:
        """Power off and on."""
        self.m.off()
        self.m.boot()
        self.hub()
        self.m.until("active after a reboot", lambda: self.m.show("ActiveState") == "active")
        self.booking("after a reboot")

    def stolen(self) -> None:
        """Put the sealed key on another machine: it opens nothing."""
        self.m.sh(
            "systemctl stop creneau; cp -a /var/lib/creneau/vault-key.cred kept; cp -a /var/lib/systemd/credential.secret secret"
        )
        self.m.sh(
            "rm /var/lib/systemd/credential.secret; systemd-creds setup >/dev/null 2>&1; ! timeout 20 systemctl start creneau"
        )
        self.m.until("refused with 243", lambda: self.m.show("ExecMainStatus") == "243")
        self.m.sh(
            "systemctl stop creneau; cp -a secret /var/lib/systemd/credential.secret; systemctl reset-failed creneau; systemctl start creneau"
        )
        self.says("on another machine the vault does not open (243)")

    def replaced(self) -> None:
        """Lose the machine: its backup goes on on a new one, and the old one, come back, is told so and writes nothing."""
        self.type(*self.blocks(7)[0])
        self.booking("after the backup, which knows nothing of it")
        self.m.sh(
            "systemctl stop creneau; cp -a /var/lib/creneau /srv/ancien; cp -a /etc/creneau /srv/ancien-etc; "
            "apt-get purge -y creneau; ! getent passwd creneau"
        )
        self.page(1)
        self.type(*self.blocks(2)[1])
        self.page(3)
        self.real[CODE] = self.judge("takeover").splitlines()[-1]
        self.type(*self.blocks(7)[1])
        self.booking("on a new machine, after restore and enrol --replace")
        self.m.sh(
            "chown -R creneau:creneau /srv/ancien; chgrp -R creneau /srv/ancien-etc; "
            f"sed -i 's|^# data_dir .*|data_dir = \"/srv/ancien\"|' {OLD}; grep -q '^data_dir' {OLD}; "
            "systemd-run -q --unit=ancien -p Type=notify -p User=creneau -p Group=creneau -p SupplementaryGroups=dme "
            "-p RuntimeDirectory=ancien -p RuntimeDirectoryMode=0755 "
            f"-p LoadCredentialEncrypted=vault-key:/srv/ancien/vault-key.cred creneau --config {OLD} run"
        )
        ask = f"RUNTIME_DIRECTORY=/run/ancien creneau --lang en --config {OLD}"
        told = "another agent, or a copy of this one, speaks for this clinic"
        self.m.until("the old machine is told", lambda: told in self.m.sh(f"{ask} status", code=None))
        self.booking("while the old machine runs beside")
        known = self.m.sh(f"{ask} bookings --json", code=None)
        assert f"{self.booked:08}" not in known, "the old machine took a booking"
        assert f"{1:08}" in known, known
        self.m.sh("systemctl stop ancien; rm -r /srv/ancien /srv/ancien-etc")
        self.says("the old machine, come back, was shut out and wrote nothing")

    def end(self) -> None:
        """Remove, come back, purge; the hub's unit; the page's last two steps."""
        leaving = ("sudo apt-get remove -y creneau", "sudo apt-get purge -y creneau")
        assert set(leaving) <= set(self.text.splitlines()), "the page leaves otherwise"
        self.m.sh(leaving[0])
        self.m.sh("test -d /etc/creneau && test -f /var/lib/creneau/journal.db && ! test -e /usr/lib/creneau")
        self.m.sh(f"apt-get install -y ./{self.deb[self.following]}")
        self.m.until("active after coming back", lambda: self.m.show("ActiveState") == "active")
        self.booking("after remove and install again")
        self.real |= {"https://127.0.0.1:8443": "https://127.0.0.1:8444", "PORT=8443": "PORT=8444"}
        self.real["https://carrefour.example.org"] = "https://127.0.0.1:8444"
        self.page(8)
        self.listens(8444)
        self.says("the hub's own unit listens")
        self.m.sh(leaving[1])
        self.m.sh(
            "! test -e /var/lib/creneau && ! test -e /etc/creneau && ! test -e /usr/lib/creneau && ! getent passwd creneau"
        )
        self.m.until("no unit failed", lambda: not self.m.sh("systemctl --failed --no-legend").strip())
        self.says("removed: the clinic's own things kept; purged: nothing left")


def main() -> None:
    """Run every step."""
    root, state, dist, version, following, older = sys.argv[1:]
    begun = time.monotonic()
    machine = Machine(root, state, dist)
    Path(state, "upper", "srv", "work").mkdir(parents=True)
    Path(state, "upper", "srv", "work", "judge.py").write_bytes((HERE.parent / "judge.py").read_bytes())
    machine.boot()
    life = Life(machine, version, following, older)
    for step in (
        life.clinic,
        life.install,
        life.service,
        life.crash,
        life.upgrade,
        life.reboot,
        life.stolen,
        life.replaced,
        life.end,
    ):
        print(f"{step.__name__}: {(step.__doc__ or '').splitlines()[0]}", flush=True)
        step()
    machine.off()
    print(f"the package {version} lives: every step passed in {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
