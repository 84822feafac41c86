"""The parts of the composition root the command line uses, each imported when first needed.

Rule: importing this file loads nothing of the agent.
"""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from agent.cli.session import Asks, Places


def _read(file: Path) -> Any:
    from agent.config import read_plan
    from agent.wiring.catalog import entries

    return read_plan(file, entries())


def _open_door(plan: Any) -> AbstractContextManager[Asks]:
    from agent.wiring import open_door

    return open_door(plan)


def _start(plan: Any) -> Any:
    from agent.wiring import start

    return start(plan)


def _running(file: Path) -> Asks | None:
    from agent.wiring import running

    return running(file)


def _restore(file: Path, passphrase: str, config: Path, who: str) -> Any:
    from agent.wiring.restore import restore

    return restore(file, passphrase, config, who)


REAL = Places(_read, _open_door, _start, _running, _restore)
