"""What clinic IT wrote for one folder of files, read and checked once.

Rule: options are data of the catalog; what is wrong is said with its key before any file is opened.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from adapters.agenda import Weekly, read_weekly
from adapters.er7 import Terms
from agent.core.errors import Misconfigured
from agent.core.message import say
from agent.ports import SitePart

DOING = say("open the folder of files")
COLUMNS = ("id", "practitioner", "start", "end", "minutes", "date", "type", "site", "status")
"""What a column may be; start and practitioner are needed, and end or minutes."""
_NEEDED = ("practitioner", "start")


@dataclass(frozen=True, slots=True)
class Settings:
    """One folder. `format`: "csv", "ical", "hl7"; `holds`: what a row without a status is, "free" or "taken".

    `each`: all files together are the agenda, else the newest is it alone; `changes`: HL7 files tell changes, each
    once; `settle`: a file is left alone until it has not changed for so long; `oldest`: an older one proves nothing;
    `most`: the share of coming times that may vanish at once, in per cent; `practitioner`: who, where no row says it.
    """

    folder: Path
    pattern: str
    format: str
    holds: str
    each: bool
    changes: bool
    columns: Mapping[str, str]
    free_words: frozenset[str]
    cancelled_words: frozenset[str]
    time_format: str
    encoding: str
    practitioner: str
    settle: timedelta
    oldest: timedelta
    most: int
    weekly: tuple[Weekly, ...]
    closed: frozenset[date]
    terms: Terms
    sites: tuple[SitePart, ...]


def read_settings(options: Mapping[str, object], sites: tuple[SitePart, ...]) -> Settings:
    """Return the settings. Raises Misconfigured."""
    kind = str(options["format"])
    patterns = {"csv": "*.csv", "ical": "*.ics", "hl7": "*.hl7"}
    closed = [day for day in _list(options, "closed") if isinstance(day, date)]
    settings = Settings(
        folder=Path(str(options["folder"])),
        pattern=str(options["pattern"] or patterns[kind]),
        format=kind,
        holds="taken" if kind == "hl7" else str(options["holds"]),
        each=options["files"] == "each",
        changes=options["files"] == "changes",
        columns=_columns(options.get("columns"), kind),
        free_words=_words(options, "free_words"),
        cancelled_words=_words(options, "cancelled_words"),
        time_format=str(options["time_format"]),
        encoding=str(options["encoding"]),
        practitioner=str(options["practitioner"]),
        settle=_span(options, "settle"),
        oldest=_span(options, "oldest"),
        most=_whole(options, "most"),
        weekly=read_weekly(_list(options, "openings"), sites),
        closed=frozenset(closed),
        terms=Terms(sites, time_from=str(options["time_from"])),
        sites=sites,
    )
    if settings.changes and kind != "hl7":
        raise Misconfigured(DOING, say("only HL7 files tell changes"), say('write files = "newest"'), key="files")
    return settings


def _columns(value: object, kind: str) -> dict[str, str]:
    given = {str(name): str(column) for name, column in value.items()} if isinstance(value, Mapping) else {}
    unknown = sorted(set(given) - set(COLUMNS))
    if unknown:
        raise Misconfigured(DOING, say("the key {key} is not known", key=unknown[0]), key="columns")
    columns = {name: given.get(name, name) for name in COLUMNS if name in given or not given}
    missing = [name for name in _NEEDED if name not in columns]
    if kind == "csv" and missing:
        raise Misconfigured(DOING, say("the key {key} is missing", key=missing[0]), key="columns")
    return columns


def _words(options: Mapping[str, object], key: str) -> frozenset[str]:
    return frozenset(str(word).casefold() for word in _list(options, key))


def _list(options: Mapping[str, object], key: str) -> list[object]:
    value = options.get(key)
    return list(value) if isinstance(value, list | tuple) else []


def _span(options: Mapping[str, object], key: str) -> timedelta:
    value = options[key]
    if not isinstance(value, timedelta):
        raise Misconfigured(DOING, say("this must be a duration"), key=key)
    return value


def _whole(options: Mapping[str, object], key: str) -> int:
    value = options[key]
    if not isinstance(value, int) or not 1 <= value <= 100:
        raise Misconfigured(DOING, say("the number must be between {low} and {high}", low=1, high=100), key=key)
    return value
