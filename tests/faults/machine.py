"""What this machine lets a test do to it: small disks, networks of its own.

Rule: a reason here means that the system forbids it, or that a package of the Makefile is not installed.
"""

import os
import shutil
import subprocess
import sys

import pytest

PACKAGES = "install the packages nftables and iproute2"
NAMESPACE = ("unshare", "--net", "--map-root-user", "--user")


def cannot_mount() -> str:
    """Return why no file system can be mounted here, "" when one can."""
    if sys.platform == "win32":
        return "only on Linux"
    words = ("unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt")
    done = subprocess.run(words, capture_output=True, check=False)
    return "" if done.returncode == 0 and os.geteuid() == 0 else "only root may mount a small disk"


def namespace() -> tuple[str, ...]:
    """Return the words that run a program in a network of its own; skips where the kernel forbids it."""
    if not shutil.which("nft", path=path()) or not shutil.which("ip", path=path()):
        pytest.skip(_missing("nft or ip"))
    for words in (NAMESPACE[:2], NAMESPACE):
        tried = subprocess.run(
            [*words, "nft", "add", "table", "inet", "tried"], capture_output=True, check=False, env={"PATH": path()}
        )
        if tried.returncode == 0:
            return words
    pytest.skip(f"the kernel lets nobody here drop packets: {tried.stderr.decode().strip()}")


def path() -> str:
    """Return where programs are looked for; a plain user's own leaves the system's out."""
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"


def _missing(what: str) -> str:
    return "only on Linux" if sys.platform == "win32" else f"there is no {what}: {PACKAGES}"
