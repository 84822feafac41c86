"""`bundle`: what support needs, and no patient, practitioner or schedule datum.

Rule: only what stands on a list here goes in: codes, counts of our own parts, words from closed sets. What is not on a
list does not go in, whatever it is.
"""

import json
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from agent import __version__
from agent.answers.check import check
from agent.answers.house import Asked, House
from agent.config import Faults
from agent.core.errors import CreneauError

LOGGED = 2000
"""Lines of the log, at most."""
_LINE = re.compile(
    r"^(\S+[ T]\S+)\s(?:\S+\s\S+:\s(?:\S+ \S+ )?)?([A-Z]+) (creneau\.[a-z]+) ([a-z][a-z-]*\.[a-z_]+)(.*)$"
)
_FIELDS = re.compile(r"\b(kind|why|leg|version|reason|n|gone_s|shape|error|sources)=([A-Za-z0-9_.:-]{1,40})(?=\s|$)")
_ABOUT_US = frozenset({"leg", "agent", "config", "door", "journal", "night", "scrub", "hub-keys", "release", "view"})
"""First words of events whose fields tell of our own parts; of all others only the name goes in."""


def bundle(house: House, asked: Asked) -> Mapping[str, Any]:
    """Answer {files: {name: text}}; `log`: lines the command line could read, [] when none."""
    given = asked.args.get("log", [])
    lines = (
        [str(line) for line in given][-LOGGED:] if isinstance(given, Sequence) and not isinstance(given, str) else []
    )
    files = {
        "agent.json": _json(_agent(house, asked)),
        "check.json": _json(list(_findings(house, asked))),
        "configuration.json": _json(_configuration(house)),
        "log.txt": "\n".join(scrubbed(lines)) + "\n",
    }
    house.records.line("bundle", json.dumps(sorted(files)).encode(), asked.now, who=asked.who)
    return {"files": files}


def scrubbed(lines: Iterable[str]) -> Iterable[str]:
    """Yield time, level, logger and event of each line of ours; fields only of events about our own parts."""
    for line in lines:
        found = _LINE.match(line.strip())
        if found is None:
            continue
        at, level, logger, event, rest = found.groups()
        fields = ""
        if event.partition(".")[0] in _ABOUT_US:
            kept = ((key, value.partition(":")[0]) for key, value in _FIELDS.findall(rest))
            fields = "".join(f" {key}={value}" for key, value in kept)
        yield f"{at} {level} {logger} {event}{fields}"


def _agent(house: House, asked: Asked) -> Mapping[str, Any]:
    health = house.board.read() if house.board is not None else None
    sizes = house.records.sizes()
    facts = house.records.facts()
    return {
        "version": __version__,
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        "at": asked.now.utc.isoformat(timespec="minutes"),
        "running": health is not None,
        "legs": {} if health is None else _legs(health.legs),
        "skew_s": None if health is None or health.skew is None else round(health.skew / timedelta(seconds=1)),
        "journal_mb": sizes.used >> 20,
        "journal_low": sizes.low,
        "ledger_sound": house.records.verify() is None,
        "posture": facts.get("posture", "open"),
        "restored": "lost" in facts,
        "release_heard": facts.get("release_heard"),
        "data_folder": sorted(_name(file) for file in house.plan().service.data_dir.iterdir()),
    }


def _legs(legs: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the state of each kind of leg, the worst where there are several: sources have names of the clinic's own."""
    found: dict[str, str] = {}
    for name, leg in sorted(legs.items()):
        kind = name.partition(":")[0]
        if found.get(kind, "ok") == "ok":
            found[kind] = leg.kind
    return found


def _name(file: Path) -> str:
    """Return a file's name when it is one of ours, else only that there is one."""
    ours = re.fullmatch(r"(creneau|journal|vault|backup)[A-Za-z0-9._-]*", file.name)
    return file.name if ours else "(other)"


def _findings(house: House, asked: Asked) -> Iterable[Mapping[str, Any]]:
    """Yield part, code and severity: the sentences name people, codes and addresses."""
    for line in check(house, Asked({"part": "all"}, asked.who, asked.now))["findings"]:
        found = {name: line[name] for name in ("part", "code", "severity")}
        yield found | ({"line": line["line"], "key": str(line["key"])[:40]} if line.get("line") else {})


def _configuration(house: House) -> Mapping[str, Any]:
    """Return words of closed sets and lengths of time; no name, address, code, rule or connection."""
    try:
        plan = house.file().plan
    except Faults as faults:
        return {"faults": len(faults.faults)}
    except CreneauError as error:
        return {"unreadable": type(error).__name__}
    return {
        "sources": [
            {
                "adapter": source.adapter if re.fullmatch(r"[a-z0-9_-]{1,20}", source.adapter) else "(other)",
                "bookings": source.bookings,
                "poll_s": int(source.poll.total_seconds()),
                "options": sorted(source.options),
            }
            for source in plan.emrs
        ],
        "sites": len(plan.sites),
        "proxy": bool(plan.hub.proxy),
        "ca_file": bool(plan.hub.ca_file),
        "enabled": plan.sharing.enabled,
        "log_level": plan.service.log_level,
        "language": plan.clinic.language,
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
