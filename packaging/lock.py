"""Take from the universal lock what one system needs: `python packaging/lock.py linux 3.11` prints requirements.

Rule: nothing is resolved here; every version and hash is the lock's, and only reachable packages are taken.
"""

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
EXTRAS = ("sql", "fhir", "hl7", "files", "hub")
"""What a package ships; tests and tools stay at home."""
SYSTEMS: Mapping[str, Mapping[str, str]] = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"},
    "win32": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64"},
}
_HEAD = re.compile(r"([A-Za-z0-9._-]+)==(\S+)(?: ; (.+?))? \\$")


@dataclass(frozen=True, slots=True)
class Locked:
    """One entry of the lock. `via`: who asks for it."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]
    via: frozenset[str]


def entries(text: str) -> Iterator[Locked]:
    """Yield the entries of a lock as uv writes it."""
    for block in re.split(r"\n(?=[A-Za-z0-9])", text.strip()):
        lines = block.splitlines()
        head = _HEAD.match(lines[0])
        if head is None:
            raise ValueError(lines[0])
        hashes = tuple(re.findall(r"--hash=(\S+)", block))
        told = block.partition("# via")[2].replace("#", " ")
        via = frozenset(canonicalize_name(word) for word in told.split() if word[0] != "(")
        yield Locked(canonicalize_name(head[1]), head[2], head[3] or "", hashes, via)


def needed(extras: tuple[str, ...], system: str, python: str, root: Path = ROOT) -> tuple[Locked, ...]:
    """Return what `extras` need on `system` ("linux" or "win32") with this Python ("3.11"), by name."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    asked = [*project["dependencies"], *(one for name in extras for one in project["optional-dependencies"][name])]
    here = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "extra": "",
        **SYSTEMS[system],
    }
    known = [
        one
        for one in entries((root / "requirements.lock").read_text("utf-8"))
        if not one.marker or Marker(one.marker).evaluate(dict(here))
    ]
    reached = {canonicalize_name(re.split(r"[^A-Za-z0-9._-]", text, maxsplit=1)[0]) for text in asked}
    while more := {one.name for one in known if one.via & reached} - reached:
        reached |= more
    return tuple(sorted((one for one in known if one.name in reached), key=lambda one: one.name))


def main() -> None:
    """Print the requirements of one system, hashes and all; further words name extras."""
    system, python, *extras = sys.argv[1:]
    for one in needed(tuple(extras) or EXTRAS, system, python):
        print(f"{one.name}=={one.version} " + " ".join(f"--hash={hash_}" for hash_ in one.hashes))


if __name__ == "__main__":
    main()
