"""Run by `make mutants`: each guard is taken away in a copy of the program; some layer must go red, and is named.

`python -m tests.mutants.gate [--jobs 2] [--only NAME …] [--trust]`
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.mutants import bookings, envelope, slots
from tests.mutants.mutant import Mutant

ROOT = Path(__file__).parents[2]
PARTS = ("agent", "adapters", "hub", "tests")
FILES = ("pyproject.toml",)
GROUPS: tuple[tuple[str, tuple[Mutant, ...]], ...] = (
    ("bookings", bookings.MUTANTS),
    ("envelope", envelope.MUTANTS),
    ("slot sync", slots.MUTANTS),
)
ALL = tuple(each for _, found in GROUPS for each in found)
LONGEST_S = 3600
RED, NOT_IMPORTED = 1, 2
"""Exit codes of a layer that sees the guard missing, a program that cannot be imported included."""


def command(layer: str, what: str) -> list[str]:
    """Return what runs a layer; its exit code is 0 when the layer sees nothing wrong."""
    if layer == "unit":
        return [sys.executable, "-m", "pytest", "-x", "-q", "-n0", "-p", "no:cacheprovider", *what.split()]
    if layer == "simulation":
        return [sys.executable, "-m", "tests.sim", *what.split()]
    return [sys.executable, "-m", "tests.mutants.look", layer.replace(" ", "-"), *what.split()]


def copied(to: Path) -> None:
    """Copy the program and its tests."""
    away = shutil.ignore_patterns("__pycache__", "*.pyc")
    for part in PARTS:
        shutil.copytree(ROOT / part, to / part, ignore=away)
    for file in (*FILES, "docs"):
        (to / file).symlink_to(ROOT / file)


def taken_away(mutant: Mutant, root: Path) -> None:
    """Make the mutant in a copy. Raises LookupError when the guard is not there any more, or there twice."""
    for edit in mutant.edits:
        file = root / edit.file
        text = file.read_text("utf-8")
        if text.count(edit.old) != 1:
            raise LookupError(f"{mutant.name}: {edit.file} has it {text.count(edit.old)} times: {edit.old!r}")
        file.write_text(text.replace(edit.old, edit.new), "utf-8")


def sees(root: Path, layer: str, what: str) -> bool:
    """Say whether a layer goes red on the program in `root`. Raises LookupError when it could not even begin."""
    env = os.environ | {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command(layer, what), cwd=root, env=env, capture_output=True, timeout=LONGEST_S, check=False)
    if done.returncode not in {0, RED, NOT_IMPORTED}:
        raise LookupError(f"{layer} {what}: {done.stdout.decode()}{done.stderr.decode()}")
    return done.returncode != 0


def killed_by(mutant: Mutant) -> str:
    """Return the first layer that misses the guard, "" = none does."""
    with TemporaryDirectory(prefix="creneau-mutant-") as folder:
        root = Path(folder)
        copied(root)
        taken_away(mutant, root)
        return next((layer for layer, what in mutant.layers if sees(root, layer, what)), "")


def sound(layers: Sequence[tuple[str, str]], jobs: int) -> list[tuple[str, str]]:
    """Return the layers that are red on the program as it is: they would kill anything."""
    with TemporaryDirectory(prefix="creneau-whole-") as folder:
        copied(Path(folder))
        with ThreadPoolExecutor(jobs) as pool:
            red = list(pool.map(lambda each: sees(Path(folder), *each), layers))
    return [layer for layer, is_red in zip(layers, red, strict=True) if is_red]


def main(words: list[str]) -> int:
    """Run the gate; print which layer killed each mutant; return how many live."""
    ask = argparse.ArgumentParser(prog="python -m tests.mutants.gate")
    ask.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    ask.add_argument("--only", nargs="+", default=[])
    ask.add_argument("--trust", action="store_true", help="do not first run every layer on the program as it is")
    said = ask.parse_args(words)
    chosen = [each for each in ALL if not said.only or each.name in said.only]
    layers = sorted({layer for each in chosen for layer in each.layers})
    if red := [] if said.trust else sound(layers, said.jobs):
        print(f"these layers are red without any mutant: {red}")
        return 1
    live = []
    with ThreadPoolExecutor(said.jobs) as pool:
        for each, layer in zip(chosen, pool.map(killed_by, chosen), strict=True):
            print(f"{group_of(each):10} {each.name:45} {layer or 'LIVES'}", flush=True)
            live += [] if layer else [each.name]
    print(f"{len(chosen) - len(live)} of {len(chosen)} mutants killed")
    return len(live)


def group_of(mutant: Mutant) -> str:
    """Return what the mutant's guard guards."""
    return next(group for group, found in GROUPS if mutant in found)


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
