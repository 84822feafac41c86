"""Run by `make prove`: every rule set, every scenario, one agent and two, up to four faults; prints what was explored.

`python -m tests.model.prove [--faults 4] [--beyond] [--jobs 2] [--memory 16] [--agents 1 2] [--only sql-sidecar …]`
Each rule set goes as far as it is known to fit (`RuleSet.depth`); `--beyond` asks for all the faults all the same.
What does not fit beside another search is searched again alone, with all the memory.
A search that is done is written down beside a digest of the code it is about: begun again, the proof goes on.
"""

import argparse
import hashlib
import json
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from multiprocessing import get_context
from pathlib import Path

import adapters.fhir
import adapters.memory
import agent.core.booking
import agent.legs.apply
from tests.model.checker import Checker
from tests.model.mass import MassSearch
from tests.model.rulesets import BY_KEY, EVERY
from tests.model.sync.world import Sync

STATE_BYTES = 20
"""Memory of one state, measured: its number once or twice, its part of what a level needs, and of the tables."""
SYNC = "slot-sync"
SYNC_BYTES = 130
"""Memory of one state of slot sync, which the plain search explores: number, place in the set, the list, the parents."""
SYNC_SEARCHES = (("2x1", 2), ("3x1", 1), ("2x2", 1))
"""Slot sync: ticks and changes by the clinic, and the faults. It has no scenarios: every order of them is one search."""
Task = tuple[str, str, int, int, int]
"""Rule set, scenario, agents, faults, bytes it may take."""


def search(task: Task) -> dict[str, object]:
    """Run one search; return its line of the table."""
    logging.disable(logging.CRITICAL)
    key, scenario, agents, faults, room = task
    if key == SYNC:
        ticks, changes = map(int, scenario.split("x"))
        report = Sync(ticks=ticks, changes=changes, faults=faults, most=room // SYNC_BYTES).run()
    else:
        report = MassSearch(Checker(BY_KEY[key].make(), scenario, agents=agents), faults, room // STATE_BYTES).run()
    return {
        "search": [key, scenario, agents, faults],
        "states": report.states,
        "rest": report.settled,
        "unsure": report.unsure,
        "seconds": round(report.seconds),
        "whole": report.whole,
        "violation": "" if report.violation is None else str(report),
    }


def told(line: dict[str, object]) -> str:
    """Return a line of the table as people read it."""
    key, scenario, agents, faults = line["search"]  # type: ignore[misc]
    states, rest, seconds = line["states"], line["rest"], line["seconds"]
    whole = "" if line["whole"] else "; NOT ALL: stopped for want of memory"
    found = f"\n{line['violation']}" if line["violation"] else ", no violation"
    name = f"{key}, {scenario}, {agents} agent{'s' if agents != 1 else ''}, {faults} faults"
    return f"{name}: {states:,} states, {rest:,} at rest, {seconds} s{found}{whole}"


def digest() -> str:
    """Return what names the code this proof is about."""
    files = [Path(__file__).parent, *(Path(str(m.__file__)).parent for m in (agent.core.booking, agent.legs.apply))]
    found = hashlib.sha256()
    files += [Path(str(adapters.memory.__file__)).parent, Path(str(adapters.fhir.__file__)).parent]
    for folder in files:
        for file in sorted(folder.rglob("*.py")):
            found.update(file.read_bytes())
    return found.hexdigest()[:12]


def tasks(only: Iterable[str], agents: Iterable[int], faults: int, room: int, *, beyond: bool) -> Iterator[Task]:
    """Yield the searches, the small ones first; `beyond` what is known to fit."""
    if SYNC in only and 1 in agents:
        yield from ((SYNC, size, 1, min(faults, fewer), room) for size, fewer in SYNC_SEARCHES)
    for count in agents:
        for rules in EVERY:
            if rules.key in only and count in rules.agents:
                for scenario in rules.scenarios:
                    deep = faults if beyond else min(faults, rules.faults(scenario, count))
                    yield rules.key, scenario, count, deep, room


def memory() -> int:
    """Return how many bytes of this machine's memory the proof may take: four of five."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 4 // 5


def main(words: list[str]) -> int:
    """Search everything that is not written down yet; return how many searches found a violation."""
    ask = argparse.ArgumentParser(prog="python -m tests.model.prove")
    ask.add_argument("--faults", type=int, default=4)
    ask.add_argument("--beyond", action="store_true", help="all the faults, whether they are known to fit or not")
    ask.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    ask.add_argument("--memory", type=float, default=memory() / 1e9, help="GB for all jobs together")
    ask.add_argument("--agents", type=int, nargs="+", default=[1, 2])
    ask.add_argument("--only", nargs="+", default=[*sorted(BY_KEY), SYNC], choices=[*sorted(BY_KEY), SYNC])
    ask.add_argument("--folder", type=Path, default=Path(".proof"))
    said = ask.parse_args(words)
    said.folder.mkdir(exist_ok=True)
    kept = said.folder / f"{digest()}.jsonl"
    known = [json.loads(text) for text in kept.read_text().splitlines()] if kept.exists() else []
    found = {tuple(line["search"]): line for line in known if line["whole"]}
    wanted = {task[:4] for task in tasks(said.only, said.agents, said.faults, 0, beyond=said.beyond)}
    found = {name: line for name, line in found.items() if name in wanted}
    for line in found.values():
        print(told(line), "(done before)", flush=True)
    for jobs in (said.jobs, 1):
        room = int(said.memory * 1e9 / jobs)
        every = tasks(said.only, said.agents, said.faults, room, beyond=said.beyond)
        open_ = [task for task in every if task[:4] not in found or not found[task[:4]]["whole"]]
        with get_context("spawn").Pool(jobs, maxtasksperchild=1) as pool, kept.open("a") as out:
            for line in pool.imap_unordered(search, open_):
                out.write(json.dumps(line) + "\n")
                out.flush()
                found[tuple(line["search"])] = line  # type: ignore[arg-type]
                print(told(line), flush=True)
    lines = [*found.values()]
    broken = sum(1 for line in lines if line["violation"])
    part = sum(1 for line in lines if not line["whole"])
    total = sum(int(line["states"]) for line in lines)
    print(f"{total:,} states in {len(lines)} searches, {broken} with a violation, {part} not finished")
    return broken + part


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
