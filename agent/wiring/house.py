"""Give the answers their collaborators, from an agent that runs or from this process alone.

Rule: the command line gets the same answers either way; what only a question needs is imported when it is asked.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from agent.answers import House, Sharing
from agent.config import read_plan, sharing_text
from agent.core.model import EmrName, Finding, Instant
from agent.ports import Board, Emr, Identity
from agent.wiring.catalog import entries, path_options
from agent.wiring.inforce import applied, fold
from agent.wiring.state import State


def house(state: State, board: Board | None, wake: Callable[[str], None], reload: Callable[[], None]) -> House:
    """Return the bundle; `board` None means that no agent runs."""
    records = state.journal.records()

    def file() -> Sharing:
        plan = read_plan(state.plan.file, entries())
        rules = fold(plan.sharing, state.honest(plan), records.facts())
        return Sharing(plan, sharing_text(plan.file), rules)

    def open_source(name: EmrName) -> Emr:
        source = next(one for one in state.plan.emrs if one.id == name)
        return state.open_emr(source)

    def open_with(name: EmrName, options: Mapping[str, object]) -> Emr:
        source = next(one for one in state.plan.emrs if one.id == name)
        paths, folder = path_options(source.adapter), state.plan.file.parent
        given = {key: folder / str(value) if key in paths else value for key, value in options.items()}
        return state.open_emr(replace(source, options={**source.options, **given}))

    def enrol(code: str, now: Instant) -> Identity:
        from agent.wiring.joining import join

        with closing(state.hub()) as hub:
            plan = state.plan
            who = join(code, plan.hub.url, state.keys, hub, state.dice, now, contact=plan.clinic.contact)
        state.journal.outbox().restart("enrolled", now)
        return who

    def look_at_hub() -> Iterable[Finding]:
        from agent.wiring.machine import hub_findings

        with closing(state.hub()) as hub:
            return list(hub_findings(state.keys, hub, state.clock, state.dice))

    def look_at_machine() -> Iterable[Finding]:
        from agent.wiring.frontdesk import desk_findings
        from agent.wiring.machine import machine_findings

        yield from machine_findings(state.plan, running=board is not None)
        yield from desk_findings(state.plan, state.keys.secret)

    def save(passphrase: str, now: Instant) -> Path:
        from agent.wiring import backup

        return backup.save(state, passphrase, now)

    return House(
        plan=lambda: state.plan,
        file=file,
        applied=lambda: applied(state.plan, records.facts()),
        records=records,
        views=state.journal.views,
        keys=state.keys,
        vault=state.keys,
        open_emr=open_source,
        open_with=open_with,
        board=board,
        clock=state.clock,
        dice=state.dice,
        wake=wake,
        reload=reload,
        join=enrol,
        hub_findings=look_at_hub,
        machine_findings=look_at_machine,
        save=save,
    )


def door_path(data_dir: Path) -> Path:
    """Return where the running agent listens for the command line: systemd's runtime folder, else the data folder."""
    runtime = os.environ.get("RUNTIME_DIRECTORY") or "/run/creneau"
    folder = Path(runtime)
    return (folder if folder.is_dir() and os.access(folder, os.X_OK) else data_dir) / "creneau.sock"
