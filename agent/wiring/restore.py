"""Bring back what a backup holds.

Rule: what comes back lists, tells and looks up everything again before the first write; what stood there is kept.
"""

import json
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from agent.clock import SystemClock
from agent.config import Plan, read_plan
from agent.core.errors import Misconfigured, Refused
from agent.core.message import say
from agent.core.model import Instant
from agent.door import listening
from agent.journal import Journal
from agent.journal.box import DataBox
from agent.journal.copying import examined
from agent.keys import make_root, open_keys
from agent.keys.sealedfile import SealedReader
from agent.wiring.backup import JOURNAL, KEPT, MANIFEST
from agent.wiring.catalog import entries
from agent.wiring.house import door_path
from agent.wiring.lock import StateLock
from agent.wiring.owner import as_owner
from agent.wiring.state import QUOTA_MB

RESTORING = say("bring the agent's state back")


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back: when it was saved, by which version, and where the journal that stood there went."""

    made: str
    version: str
    aside: str


def restore(file: Path, passphrase: str, config: Path, who: str) -> Restored:
    """Bring a backup back: the configuration only where there is none, journal and secrets in the data folder.

    Raises Refused while an agent runs, or for a wrong passphrase; Misconfigured for a newer journal.
    """
    try:
        with file.open("rb") as stream:
            tar = tarfile.open(fileobj=cast("IO[bytes]", SealedReader(stream, passphrase)), mode="r|")  # noqa: SIM115 - closed below
            with tar:
                return _brought(tar, config, who, SystemClock().now())
    except OSError as cause:
        says, hint = (
            say("the file cannot be read"),
            say("run the command as an administrator or as the service's account"),
        )
        raise Misconfigured(RESTORING, says, hint, file=str(file)) from cause
    except (tarfile.TarError, KeyError, ValueError) as cause:
        raise _no_backup() from cause


def _brought(tar: tarfile.TarFile, config: Path, who: str, now: Instant) -> Restored:
    """Take the members in the order they were saved."""
    members = iter(tar)
    manifest = json.loads(_read(tar, next(members, None), MANIFEST))
    member = next(members, None)
    while member is not None and member.name.startswith("config/"):
        place = config if member.name.endswith(config.name) else config.with_name("sharing.toml")
        if not place.exists() and (place == config or not config.exists()):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(_read(tar, member, member.name))
            place.chmod(0o640)
        member = next(members, None)
    held = json.loads(_read(tar, member, KEPT))
    plan = read_plan(config, entries())
    if listening(door_path(plan.service.data_dir)):
        raise Refused(RESTORING, say("an agent runs on this state"), say("creneau service stop"), reason="running")
    with _alone(plan) as folder:
        draft = folder / "journal.restoring"
        draft.unlink(missing_ok=True)
        _unpack(tar, next(members, None), draft)
        aside = _placed(folder, draft, held, now, who)
    return Restored(manifest["made"], manifest["version"], aside)


@contextmanager
def _alone(plan: Plan) -> Iterator[Path]:
    """Hold the data folder as its owner, with a root key in it."""
    folder = plan.service.data_dir
    with as_owner(folder):
        make_root(folder)
        with StateLock(folder):
            yield folder


def _placed(folder: Path, draft: Path, held: dict[str, Any], now: Instant, who: str) -> str:
    """Put secrets into the vault and the journal in its place; return where the former journal went."""
    examined(draft)
    keys = open_keys(folder, os.environ)
    aside = folder / f"journal-{now.utc:%Y%m%dT%H%M%SZ}.before"
    for tail in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            (folder / f"{JOURNAL}{tail}").replace(folder / f"{aside.name}{tail}")
    for name, value in held["secrets"].items():
        keys.put(name, value)
    keys.put_data_key(bytes.fromhex(held["data_key"]))
    draft.replace(folder / JOURNAL)
    journal = Journal.open(folder, DataBox(keys.data_key()), quota_mb=QUOTA_MB, now=now)
    try:
        journal.came_back(now, who)
    finally:
        journal.close()
    return str(aside) if aside.exists() else ""


def _read(tar: tarfile.TarFile, member: tarfile.TarInfo | None, name: str) -> bytes:
    found = tar.extractfile(member) if member is not None and member.name == name else None
    if found is None:
        raise KeyError(name)
    return found.read()


def _unpack(tar: tarfile.TarFile, member: tarfile.TarInfo | None, target: Path) -> None:
    found = tar.extractfile(member) if member is not None and member.name == JOURNAL else None
    if found is None:
        raise KeyError(JOURNAL)
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(handle, "wb") as out:
        shutil.copyfileobj(found, out, 1 << 20)


def _no_backup() -> Refused:
    return Refused(
        RESTORING, say("this is no backup of Créneau"), say("take another copy of the file"), reason="backup"
    )
