"""What clinic IT wrote for one HL7 source, read and checked once.

Rule: options are data of the catalog; what is wrong is said with its key before anything listens.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from pathlib import Path

from adapters.agenda import Weekly, read_weekly
from adapters.er7 import Terms
from adapters.hl7v2.listener import Limits, Security
from adapters.hl7v2.sender import Towards
from agent.core.booking import Recovery, WriteRules
from agent.core.errors import Misconfigured
from agent.core.message import say
from agent.core.model import SiteId
from agent.ports import SitePart

DOING = say("open the HL7 source")
NOWHERE = SitePart(SiteId("-"), "UTC")
"""The site of a source that only wakes another: its messages are kept and acknowledged, their times are not used."""
MARGIN = timedelta(seconds=5)
"""Beyond the EMR's answer: our own looks before and after."""


@dataclass(frozen=True, slots=True)
class Asking:
    """How this EMR takes requests (SRM). `enquiry`: "sqm", "mirror" = its notices only, "none".

    `remembers`: it keeps our placer id, so that a repeat is known and an enquiry finds it.
    """

    to: Towards
    application: str
    facility: str
    enquiry: str
    remembers: bool
    moves: bool
    quiet: timedelta

    def rules(self) -> WriteRules:
        """Return what may be promised: an absence proves something only where the EMR can be asked by our own id."""
        asks = self.enquiry == "sqm"
        recovery = Recovery.ENQUIRE if asks else Recovery.ABSENT_UNSURE
        return WriteRules(
            recovery=recovery if self.remembers and self.enquiry != "none" else Recovery.BLIND,
            enquire_first=asks,
            tombstone=False,
            fenced=False,
            moves=self.moves,
            quiet=self.quiet,
            longest_write=3 * self.to.wait + MARGIN,  # enquiry, request, giving way
        )


@dataclass(frozen=True, slots=True)
class WholeAgenda:
    """How the EMR shows its whole agenda again: `to` = by answers to SQM^S25 each night `at`, else by files in `folder`.

    `most`: the share of coming appointments that may vanish at once, in per cent.
    """

    to: Towards | None
    at: time
    application: str
    facility: str
    folder: Path | None
    pattern: str
    most: int


@dataclass(frozen=True, slots=True)
class FromView:
    """Opening times out of a database. `options`: of the adapter sql; `oldest`: when those last read offer nothing more."""

    options: Mapping[str, object]
    oldest: timedelta


@dataclass(frozen=True, slots=True)
class Settings:
    """One source. `is_wake`: it only wakes the readers of another. `asking` None: it cannot be written.

    `minutes`: the calendar's openings are cut in cells of this length, None = as they stand.
    """

    is_wake: bool
    host: str
    port: int
    allow: tuple[str, ...]
    limits: Limits
    security: Security
    unreadable: str
    terms: Terms
    weekly: tuple[Weekly, ...]
    calendar: Path | None
    minutes: timedelta | None
    closed: frozenset[date]
    loaded: date | None
    silence: timedelta
    asking: Asking | None
    sites: tuple[SitePart, ...]
    label: str = ""
    whole: WholeAgenda | None = None
    view: FromView | None = None


def read_settings(options: Mapping[str, object], sites: tuple[SitePart, ...], label: str = "") -> Settings:
    """Return the settings. Raises Misconfigured."""
    host, port = address(str(options["listen"]), "listen")
    return Settings(
        is_wake=options["role"] == "wake",
        host=host,
        port=port,
        allow=tuple(str(each) for each in _list(options, "allow")),
        limits=Limits(connections=_whole(options, "connections"), idle=_span(options, "idle")),
        security=Security(*(_path(options, f"tls.{name}") for name in ("certificate", "key", "peers"))),
        unreadable="AA" if options["role"] == "wake" else str(options["on_unreadable"]),
        terms=Terms(
            sites or (NOWHERE,),
            time_from=str(options["time_from"]),
            unit={"minutes": "m", "seconds": "s"}.get(str(options["unit"]), ""),
            fold=str(options["fold"]),
        ),
        weekly=read_weekly(_list(options, "openings"), sites),
        calendar=_path(options, "calendar"),
        minutes=_span(options, "cells") if options["cells"] else None,
        closed=frozenset(_days(_list(options, "closed"))),
        loaded=_day(options.get("loaded")),
        silence=_span(options, "silence"),
        asking=_asking(options),
        sites=sites,
        label=label,
        whole=_whole_agenda(options),
        view=_view(options),
    )


def address(text: str, key: str) -> tuple[str, int]:
    """Read HOST:PORT. Raises Misconfigured."""
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise Misconfigured(DOING, say("this is no address"), say('write "127.0.0.1:2575"'), key=key)
    return host.strip("[]"), int(port)


def _asking(options: Mapping[str, object]) -> Asking | None:
    where = str(options["srm.address"])
    if not where:
        return None
    return Asking(
        to=_towards(options, where, "srm.address"),
        application=str(options["srm.application"]),
        facility=str(options["srm.facility"]),
        enquiry=str(options["srm.enquiry"]),
        remembers=options["srm.placer"] == "kept",
        moves=bool(options["srm.moves"]),
        quiet=_span(options, "srm.quiet"),
    )


def _whole_agenda(options: Mapping[str, object]) -> WholeAgenda | None:
    way, folder = options["reconcile.by"], _path(options, "reconcile.folder")
    if way == "none" or options["role"] == "wake":
        return None
    where = str(options["reconcile.address"] or options["srm.address"])
    if way == "file" and folder is None:
        raise Misconfigured(DOING, say("the key {key} is missing", key="reconcile.folder"), key="reconcile.folder")
    return WholeAgenda(
        to=_towards(options, where, "reconcile.address") if way == "sqm" else None,
        at=_clock(options, "reconcile.at"),
        application=str(options["srm.application"]),
        facility=str(options["srm.facility"]),
        folder=folder,
        pattern=str(options["reconcile.pattern"]),
        most=_whole(options, "reconcile.most", 100),
    )


def _view(options: Mapping[str, object]) -> FromView | None:
    mapping = _path(options, "view.mapping")
    if mapping is None or options["role"] == "wake":
        return None
    if not options["view.connection"]:
        raise Misconfigured(DOING, say("the key {key} is missing", key="view.connection"), key="view.connection")
    given = {"mapping": mapping, "connection": options["view.connection"], "user": options["view.user"]}
    return FromView({**given, "openings": True}, _span(options, "view.oldest"))


def _towards(options: Mapping[str, object], where: str, key: str) -> Towards:
    host, port = address(where, key)
    files = (_path(options, f"srm.{name}") for name in ("authority", "certificate", "key"))
    return Towards(host, port, _span(options, "srm.wait"), *files)


def _clock(options: Mapping[str, object], key: str) -> time:
    try:
        return time.fromisoformat(str(options[key]))
    except ValueError:
        raise Misconfigured(DOING, say('{key} is a time such as "08:30"', key=key), key=key) from None


def _list(options: Mapping[str, object], key: str) -> list[object]:
    value = options.get(key)
    return list(value) if isinstance(value, list | tuple) else []


def _whole(options: Mapping[str, object], key: str, most: int = 1000) -> int:
    value = options[key]
    if not isinstance(value, int) or not 1 <= value <= most:
        raise Misconfigured(DOING, say("the number must be between {low} and {high}", low=1, high=most), key=key)
    return value


def _span(options: Mapping[str, object], key: str) -> timedelta:
    value = options[key]
    if not isinstance(value, timedelta) or value <= timedelta(0):
        raise Misconfigured(
            DOING, say("this must be a duration"), say('write "60s", "30min", "2h" or "14d", with the quotes'), key=key
        )
    return value


def _path(options: Mapping[str, object], key: str) -> Path | None:
    value = options.get(key)
    return Path(str(value)) if value else None


def _day(value: object) -> date | None:
    return value if isinstance(value, date) else None


def _days(values: list[object]) -> list[date]:
    days = [value for value in values if isinstance(value, date)]
    if len(days) != len(values):
        raise Misconfigured(DOING, say("{key} is a day such as 2027-06-30, without quotes", key="closed"), key="closed")
    return days
