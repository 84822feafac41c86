"""Look at the machine and at the way to the hub, as the account the agent runs as.

Rule: a finding names the remedy; nothing is changed.
"""

import getpass
import platform
import shutil
import sys
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import apsw

from agent.core.envelope import believe, seal
from agent.core.errors import CreneauError, Transient
from agent.core.message import say
from agent.core.model import Finding, Severity
from agent.keys import VaultKeys
from agent.ports import Clock, Dice, Hub

FREE_MB = 500
FAR = timedelta(minutes=2)
WAIT = timedelta(seconds=10)


def machine_findings(folder: Path) -> Iterable[Finding]:
    """Yield what the machine is, who runs us, and how much disk is left."""
    says = say(
        "{system}, Python {python}, SQLite {sqlite}, account {account}",
        system=platform.platform(terse=True),
        python=platform.python_version(),
        sqlite=apsw.sqlite_lib_version(),
        account=getpass.getuser(),
    )
    yield Finding("machine.system", Severity.OK, says)
    free = shutil.disk_usage(folder).free >> 20
    if free < FREE_MB:
        says = say("{free} MB are free where {folder} is", free=free, folder=str(folder))
        yield Finding("machine.disk", Severity.WARN, says, say("free at least {mb} MB", mb=FREE_MB))
    for lost in sorted(folder.glob("journal-*.bad")):
        says = say("a damaged journal was set aside as {file}, and an empty one begun", file=lost.name)
        hint = say(
            "put the rules into force again: creneau sharing apply; keep the file for the hub operator, elsewhere"
        )
        yield Finding("machine.journal-lost", Severity.WARN, says, hint)
    if sys.platform != "win32" and folder.stat().st_mode & 0o077:
        says = say("other accounts can look into {folder}", folder=str(folder))
        yield Finding("machine.folder", Severity.WARN, says, say("chmod 700 {folder}", folder=str(folder)))


def hub_findings(keys: VaultKeys, hub: Hub, clock: Clock, dice: Dice) -> Iterable[Finding]:
    """Yield whether the hub answers a signed question and how far this machine's clock is from its own.

    The question is an empty list of outcomes: it changes nothing there.
    """
    who, now = keys.identity(), clock.now()
    envelope = seal(
        "outcomes", {"outcomes": []}, keys.signing(), iss=who.clinic, aud=who.hub, jti=dice.token(), now=now.utc
    )
    try:
        answer = hub.call(envelope, WAIT)
        opened = believe(answer.jws, keys.hub(), to=envelope, took=answer.took)
    except Transient as fault:
        yield Finding("hub.silent", Severity.FAULT, fault.what, fault.hint)
        return
    except CreneauError as fault:
        yield Finding("hub.refused", Severity.FAULT, fault.what, fault.hint)
        return
    problem = opened.claims.get("problem")
    if isinstance(problem, str):
        says = say("the hub answers: {problem}", problem=problem)
        yield Finding("hub.problem", Severity.FAULT, says, say("call the hub operator"))
    else:
        yield Finding("hub.answers", Severity.OK, say("the hub answers and its signature holds"))
    if opened.hub_time is not None:
        skew = opened.hub_time - (answer.sent.utc + answer.took / 2)
        if abs(skew) > FAR:
            says = say("this machine's clock is {seconds} s off", seconds=round(skew.total_seconds()))
            yield Finding("machine.clock", Severity.WARN, says, say("turn on time synchronisation"))
