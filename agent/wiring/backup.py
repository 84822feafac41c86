"""Save what the clinic would miss: configuration, secrets, journal and ledger, in one sealed file.

Rule: who we are to the hub is never in a backup, so that a copy brought to life cannot speak beside the original.
"""

import io
import json
import tarfile
from contextlib import suppress
from pathlib import Path
from typing import IO, cast

from agent import __version__
from agent.core.errors import Misconfigured, Refused
from agent.core.message import say
from agent.core.model import Instant
from agent.keys.sealedfile import SealedWriter
from agent.wiring.state import State

SAVING = say("save the agent's state")
MANIFEST, KEPT, JOURNAL = "creneau.json", "keep.json", "journal.db"
"""The members, in this order, with `config/…` after the first."""
LEAST = 10
"""Characters of a passphrase."""


def save(state: State, passphrase: str, now: Instant) -> Path:
    """Write a sealed backup into the data folder and return it; any thread, while the agent works."""
    if len(passphrase) < LEAST:
        says = say("a passphrase has at least {n} characters", n=LEAST)
        raise Refused(SAVING, says, say("choose a longer one and keep it apart from the file"), reason="schema")
    folder = state.plan.service.data_dir
    target = folder / f"backup-{now.utc:%Y%m%dT%H%M%SZ}.creneau"
    draft = folder / f"{target.name}.db"
    held = {"data_key": state.keys.data_key().hex(), "secrets": {n: state.keys.secret(n) for n in state.keys.names()}}
    try:
        state.journal.snapshot(draft)
        with SealedWriter(target, passphrase) as out, tarfile.open(fileobj=cast("IO[bytes]", out), mode="w|") as tar:
            _add(
                tar,
                MANIFEST,
                json.dumps({"made": now.utc.isoformat(timespec="seconds"), "version": __version__}).encode(),
            )
            for file in (state.plan.file, state.plan.file.with_name("sharing.toml")):
                with suppress(FileNotFoundError):
                    _add(tar, f"config/{file.name}", file.read_bytes())
            _add(tar, KEPT, json.dumps(held).encode())
            tar.add(draft, JOURNAL, filter=_nobody)
    except OSError as cause:
        says, hint = say("the data folder cannot be read or written"), say("creneau check machine")
        raise Misconfigured(SAVING, says, hint, file=str(target)) from cause
    finally:
        draft.unlink(missing_ok=True)
    return target


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def _nobody(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member
