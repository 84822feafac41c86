"""Say what the product is made of: `python packaging/supply.py sbom|licences|wheels [FOLDER]`.

Rule: the lock is the one source; what it names is what is shipped, nothing is resolved again.

sbom      CycloneDX 1.5 JSON of everything shipped on either system, hashes and licences (the environment must be made)
licences  the list of licences, one library a line
wheels    download every locked wheel for win_amd64 and for Linux without building: the proof that each exists
"""

import json
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import lock as locked

PYTHONS = {"win32": "3.13", "linux": "3.11"}
PLATFORMS = {
    "win32": ["win_amd64"],
    "linux": ["manylinux2014_x86_64", *(f"manylinux_2_{n}_x86_64" for n in range(17, 37))],
}
KNOWN = {"pywin32": "PSF-2.0", "pywin32-ctypes": "BSD-3-Clause", "colorama": "BSD-3-Clause"}
"""Libraries of the other system, not installed here."""


def shipped() -> dict[str, locked.Locked]:
    """Return every entry shipped on either system, by name."""
    return {one.name: one for system, python in PYTHONS.items() for one in locked.needed(locked.EXTRAS, system, python)}


def licence(name: str) -> str:
    """Return the licence a library declares: its SPDX expression, else its classifiers, else its free text."""
    try:
        told = metadata(name)
    except PackageNotFoundError:
        return KNOWN.get(name, "?")
    classifiers = [one.rpartition(" :: ")[2] for one in told.get_all("Classifier", []) if one.startswith("License ::")]
    free = (told.get("License") or "").strip().splitlines()
    return told.get("License-Expression") or " / ".join(classifiers) or (free[0][:80] if free else "?")


def sbom(version: str) -> dict[str, object]:
    """Return the bill of materials; the same lock gives the same bytes."""
    parts = [
        {
            "type": "library",
            "name": one.name,
            "version": one.version,
            "purl": f"pkg:pypi/{one.name}@{one.version}",
            "bom-ref": f"pkg:pypi/{one.name}@{one.version}",
            "licenses": [{"license": {"name": licence(one.name)}}],
            "hashes": [{"alg": "SHA-256", "content": digest.removeprefix("sha256:")} for digest in one.hashes],
        }
        for one in sorted(shipped().values(), key=lambda one: one.name)
    ]
    body = json.dumps(parts, sort_keys=True)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, body)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "name": "creneau",
                "version": version,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": parts,
    }


def prove_wheels(system: str, folder: str) -> int:
    """Download every locked wheel of a system, by hash, building nothing; return how many."""
    entries = locked.needed(locked.EXTRAS, system, PYTHONS[system])
    file = Path(folder, f"{system}.txt")
    file.write_text(
        "".join(f"{one.name}=={one.version} {' '.join('--hash=' + h for h in one.hashes)}\n" for one in entries)
    )
    words = ["download", "-qq", "--no-deps", "--require-hashes", "--only-binary=:all:", "--implementation", "cp",
             "--python-version", PYTHONS[system], "-r", str(file), "-d", str(Path(folder, system))]  # fmt: skip
    words += [word for platform in PLATFORMS[system] for word in ("--platform", platform)]
    subprocess.run([sys.executable, "-m", "pip", *words], check=True)
    wheels = list(Path(folder, system).glob("*.whl"))
    if len(wheels) != len(entries):
        raise SystemExit(f"{system}: {len(wheels)} wheels for {len(entries)} entries")
    return len(wheels)


def _licences() -> Iterator[str]:
    for name, one in sorted(shipped().items()):
        yield f"{name} {one.version}: {licence(name)}"


def main() -> None:
    """Do one of the three."""
    what, folder = sys.argv[1], Path(sys.argv[2] if len(sys.argv) > 2 else "dist")
    folder.mkdir(exist_ok=True)
    if what == "sbom":
        import tomllib

        version = tomllib.loads((locked.ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
        (folder / "creneau.cdx.json").write_text(json.dumps(sbom(version), indent=1, sort_keys=True) + "\n", "utf-8")
        print(f"{folder}/creneau.cdx.json: {len(shipped())} libraries")
    elif what == "licences":
        (folder / "licences.txt").write_text("\n".join(_licences()) + "\n", "utf-8")
        print(f"{folder}/licences.txt")
    elif what == "wheels":
        with tempfile.TemporaryDirectory() as temporary:
            for system in PYTHONS:
                print(f"{system}: {prove_wheels(system, temporary)} locked wheels, none built")
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
