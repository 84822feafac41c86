"""Look at the machine and at the way to the hub, as the account the agent runs as.

Rule: a finding names the remedy; nothing is changed.
"""

import platform
import shutil
import sys
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import apsw

from agent.config import Plan
from agent.core.envelope import believe, seal
from agent.core.errors import CreneauError, Transient
from agent.core.message import say
from agent.core.model import Finding, Severity
from agent.keys import VaultKeys
from agent.ports import Clock, Dice, Hub
from agent.wiring.machine.drivers import driver_findings, port_findings
from agent.wiring.machine.way import way_findings

if sys.platform == "win32":  # pragma: no cover - run under Wine
    from agent.wiring.machine.windows import account, surroundings
else:
    from agent.wiring.machine.linux import account, surroundings

FREE_MB = 500
FAR = timedelta(minutes=2)
WAIT = timedelta(seconds=10)


def machine_findings(plan: Plan, *, running: bool) -> Iterable[Finding]:
    """Yield all a machine may trip the agent up with. `running`: asked of the agent itself, not of a command beside it."""
    yield from folder_findings(plan.service.data_dir)
    yield from surroundings(plan.service.data_dir)
    yield from driver_findings(plan)
    yield from port_findings(plan, running=running)
    yield from way_findings(plan.hub.url, plan.hub.ca_file, plan.hub.proxy)


def folder_findings(folder: Path) -> Iterable[Finding]:
    """Yield what the machine is, as whom we look, and how the data folder and its disk are."""
    says = say(
        "{system}, Python {python}, SQLite {sqlite}, account {account}",
        system=platform.platform(terse=True),
        python=platform.python_version(),
        sqlite=apsw.sqlite_lib_version(),
        account=account(),
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
