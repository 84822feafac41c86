"""What the hub says of versions: which one agents should run, which it still talks to, and the digests of its files.

Rule: a version told never goes back, and the line is signed anew each time, so that its age is the age of the answer.
"""

import json
import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from agent.core.envelope import Rejected, Release, dotted, is_newer, release_line
from agent.core.errors import Refused
from agent.core.message import say
from hub.hub import Hub, open_store
from hub.store import Store

SETTING = "release"
_HEX = re.compile(r"[0-9a-f]{64}")


def tell(folder: Path, version: str, minimum: str, files: Mapping[str, str]) -> Release:
    """Tell agents of a version; `files`: name -> hex SHA-256. Raises Refused when it is none, or would go back."""
    doing = say("tell agents of a version")
    store, _ = open_store(folder)
    with closing(store):
        last = held(store)
        minimum = minimum or (last.minimum if last else version)
        try:
            back = bool(last and (is_newer(last.version, version) or is_newer(last.minimum, minimum)))
            wrong = is_newer(minimum, version) or not all(_HEX.fullmatch(one) for one in files.values())
            dotted(version)
        except Rejected as cause:
            raise Refused(doing, say("this is no version"), say("write it as in 0.2.0"), reason="schema") from cause
        if back or wrong:
            says = say("a version never goes back, and asks for nothing newer than itself")
            raise Refused(doing, says, say("tell a newer one; digests are 64 hex digits"), reason="schema")
        release = Release(last.n + 1 if last else 1, version, minimum, dict(files))
        store.set(SETTING, json.dumps(asdict(release)))
        return release


def held(store: Store) -> Release | None:
    """Return what was told last, None when nothing was."""
    text = store.setting(SETTING)
    return Release(**json.loads(text)) if text else None


def line(hub: Hub) -> str | None:
    """Return the line for one beat, None when nothing was told."""
    release = held(hub.store)
    return None if release is None else release_line(release, hub.ring.signing(), iss=hub.origin, now=hub.clock.now())
