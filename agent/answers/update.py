"""`update check`: is there a newer signed version, and does the hub still want to hear this one.

Rule: it tells a person; nothing here fetches or changes a program. What the hub said last is never forgotten for less.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from agent import __version__
from agent.answers.house import Asked, House
from agent.answers.shape import sentence
from agent.core.envelope import RELEASE_LIFE, Rejected, Release, is_newer, open_release
from agent.core.message import Message, say
from agent.core.model import Instant
from agent.ports import Keys, Records

log = logging.getLogger("creneau.update")

FACT, HEARD = "release", "release_heard"
HOURLY = 3600


def take_release(line: str, keys: Keys, records: Records, now: Instant) -> None:
    """Keep what the hub's line says when it holds; write when it says something new, and when it is heard, hourly."""
    facts = records.facts()
    last = known(facts)
    try:
        release = open_release(line, keys.hub(), iss=keys.identity().hub, now=now.utc, last=last)
    except Rejected as wrong:
        log.warning("release.refused why=%s", wrong.problem)
        return
    heard = facts.get(HEARD)
    if release != last:
        changes = {FACT: json.dumps(asdict(release), sort_keys=True), HEARD: now.utc.isoformat(timespec="seconds")}
        records.put(changes, now, kind="release")
        log.info("release.new version=%s", release.version)
    elif heard is None or (now.utc - datetime.fromisoformat(heard)).total_seconds() >= HOURLY:
        records.put({HEARD: now.utc.isoformat(timespec="seconds")}, now)


def known(facts: Mapping[str, str]) -> Release | None:
    """Return what the hub said last."""
    text = facts.get(FACT)
    return None if text is None else Release(**json.loads(text))


def is_behind(facts: Mapping[str, str]) -> bool:
    """Say whether the hub told of a version newer than this program."""
    release = known(facts)
    return release is not None and is_newer(release.version, __version__)


def update(house: House, asked: Asked) -> Mapping[str, Any]:
    """Answer {installed, version, minimum, files, heard, state, says, hint}; state: unknown, current, newer, too-old, silent."""
    facts = house.records.facts()
    release, heard = known(facts), facts.get(HEARD)
    told: dict[str, Any] = {"installed": __version__, "version": None, "minimum": None, "files": {}, "heard": heard}
    if release is None:
        state, says = "unknown", say("the hub has not told of any version")
        return {**told, "state": state, "says": sentence(says), "hint": None}
    told |= {"version": release.version, "minimum": release.minimum, "files": dict(release.files)}
    state, says, hint = _judged(release, heard, asked.now)
    return {**told, "state": state, "says": sentence(says), "hint": None if hint is None else sentence(hint)}


def _judged(release: Release, heard: str | None, now: Instant) -> tuple[str, Message, Message | None]:
    get = say(
        "fetch the package, compare its SHA-256, install it as before: sudo apt-get install ./creneau_….deb, or the MSI"
    )
    if is_newer(release.minimum, __version__):
        return "too-old", say("this version is too old for the hub: at least {minimum}", minimum=release.minimum), get
    if is_newer(release.version, __version__):
        return "newer", say("version {version} can be installed", version=release.version), get
    if heard is None or now.utc - datetime.fromisoformat(heard) > RELEASE_LIFE:
        says = say("the hub has said nothing of versions for more than a week")
        return "silent", says, say("creneau check hub")
    return "current", say("this is the version the hub tells of: {version}", version=release.version), None
