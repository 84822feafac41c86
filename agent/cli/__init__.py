"""The `creneau` command.

Rule: nothing heavy is imported before a command needs it, and no traceback reaches a person.
"""

import os
from collections.abc import Sequence

from agent.cli.failing import misused, report, unforeseen
from agent.cli.places import REAL
from agent.cli.run import WORDS, live
from agent.cli.session import Places, Session, Speaks, safe_streams
from agent.core.errors import CreneauError

__all__ = ["front", "main", "speaking"]

INTERRUPTED = 130

ANYWHERE = {"--lang": True, "--config": True, "--json": False}
"""Options that may stand anywhere, and whether a value follows."""


def main(argv: Sequence[str], places: Places = REAL) -> int:
    """Run one command; return its exit code: 0 well, 1 a finding, 2 cannot tell or a wrong command line."""
    safe_streams()
    taken, rest = front(argv)
    speech = speaking(taken.get("--lang"), taken.get("--config"), quick=_only_help(rest))
    here = Session(speech, "--json" in taken, taken.get("--config"), places)
    try:
        return live(here) if rest in WORDS else _command(rest, here)
    except CreneauError as error:
        return report(error, speech)
    except (KeyboardInterrupt, EOFError):
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last net: a person gets three lines, not a traceback
        return misused(error, speech) if hasattr(error, "format_message") else unforeseen(error, speech)


def _command(rest: Sequence[str], here: Session) -> int:
    """Let typer read the command line and run the command; return its exit code."""
    from typer import Abort

    from agent.cli.app import build

    try:
        code = build(here.speech).main(args=rest, prog_name="creneau", standalone_mode=False, obj=here)
    except Abort:
        return INTERRUPTED
    return code if isinstance(code, int) else 0


def front(argv: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Take the options that may stand anywhere out of the arguments; after `--` nothing is taken."""
    taken: dict[str, str] = {}
    rest: list[str] = []
    args = iter(argv)
    for arg in args:
        name, equals, value = arg.partition("=")
        if arg == "--":
            rest += [arg, *args]
        elif name in ANYWHERE and ANYWHERE[name] == bool(equals) and (equals or not ANYWHERE[name]):
            taken[name] = value
        elif name in ANYWHERE and ANYWHERE[name] and not equals:
            taken[name] = next(args, "")
        else:
            rest.append(arg)
    return taken, rest


def _only_help(rest: Sequence[str]) -> bool:
    return not rest or rest[0] == "version" or "--help" in rest or "-h" in rest


def speaking(lang: str | None, config: str | None, *, quick: bool) -> Speaks:
    """Choose the language: --lang, the environment, the clinic's file (unless `quick`), French.

    Without any catalogue the program still speaks: English, the language of its sources.
    """
    from agent.language import Speech, choose

    clinic = None if quick or lang else _clinic(config)
    try:
        return Speech(choose(lang, os.environ, clinic)).say
    except (CreneauError, OSError):
        return str


def _clinic(config: str | None) -> str | None:
    """Read one word of the clinic's file, leniently: its faults are reported by whoever reads it in earnest."""
    from agent.config import locate
    from agent.config.document import read_document

    try:
        word = read_document(locate(config, os.environ)).data.get("clinic", {}).get("language")
    except (CreneauError, AttributeError):
        return None
    return word if isinstance(word, str) else None
