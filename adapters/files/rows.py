"""Turn the bytes of a file into openings and taken times.

Rule: a file is understood whole or refused; a taken time that cannot be read refuses it, a free one is left out.
"""

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from adapters.agenda import Mirror, Opening, Record, events
from adapters.agenda.openings import site_of
from adapters.er7 import Kind, Unread, is_whole, messages, read
from adapters.er7.times import LONGEST
from adapters.files.settings import Settings
from agent.core.errors import Misconfigured, Transient
from agent.core.message import Message, say
from agent.core.model import Window
from agent.ports import SitePart

DOING = say("read a file of the folder")
BACK, AHEAD = timedelta(days=2), timedelta(days=400)
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(frozen=True, slots=True)
class Content:
    """What one file says. `left_out`: free rows that could not be read."""

    free: tuple[Opening, ...]
    taken: tuple[Record, ...]
    left_out: int = 0


def content(data: bytes, settings: Settings, written: datetime) -> Content:
    """Read one file, `written` at (UTC). Raises Transient: it is not whole, or not what it should be."""
    if settings.format == "csv":
        return _csv(data, settings, written)
    if settings.format == "ical":
        return _ical(data, settings, written)
    return Content((), tuple(_hl7(data, settings, written)))


def text_of(data: bytes, encoding: str) -> str:
    """Return the text: by its mark, by the setting, else UTF-8, else the letters of a French Windows."""
    marked = next((codec for mark, codec in _BOMS if data.startswith(mark)), "")
    codecs = (marked,) if marked else ("utf-8", "cp1252") if encoding == "auto" else (encoding,)
    for codec in codecs:
        try:
            return data.decode(codec)
        except (UnicodeDecodeError, LookupError):
            continue
    raise _broken(say("its letters cannot be read"))


# ---- CSV


def _csv(data: bytes, settings: Settings, written: datetime) -> Content:
    text = text_of(data, settings.encoding)
    lines = text.splitlines()
    if not lines:
        raise _broken(say("it is empty"))
    mark = max(";,\t|", key=lines[0].count)
    table = csv.reader(io.StringIO(text), delimiter=mark, strict=True)
    try:
        header, *body = [row for row in table if any(cell.strip() for cell in row)]
    except (csv.Error, ValueError) as cause:
        raise _broken(say("its rows are not whole")) from cause
    names = [cell.strip() for cell in header]
    for key in ("practitioner", "start"):
        if settings.columns[key] not in names and not (key == "practitioner" and settings.practitioner):
            raise Misconfigured(DOING, say("there is no column {name}", name=settings.columns[key]), key="columns")
    if any(len(row) != len(names) for row in body):
        raise _broken(say("its rows are not whole"))
    free: list[Opening] = []
    taken: list[Record] = []
    left_out = 0
    for row in body:
        cells = dict(zip(names, (cell.strip() for cell in row), strict=True))
        kind = _kind(_cell(cells, settings, "status"), settings)
        try:
            site, start, end = _times(cells, settings)
        except ValueError as cause:
            if kind is Kind.OPEN:
                left_out += 1
                continue
            raise _broken(say("a time in it cannot be read")) from cause
        who = _cell(cells, settings, "practitioner") or settings.practitioner
        if kind is Kind.OPEN:
            free.append(Opening(site.id, who, start, end, _cell(cells, settings, "type")))
        else:
            taken.append(_record(_cell(cells, settings, "id"), kind, who, site, start, end, written))
    return Content(tuple(free), tuple(taken), left_out)


def _kind(status: str, settings: Settings) -> Kind:
    if status and status.casefold() in settings.cancelled_words:
        return Kind.GONE
    if not status or not (settings.free_words or settings.cancelled_words):
        return Kind.OPEN if settings.holds == "free" else Kind.BUSY
    return Kind.OPEN if status.casefold() in settings.free_words else Kind.BUSY


def _times(cells: Mapping[str, str], settings: Settings) -> tuple[SitePart, datetime, datetime]:
    site = _site(_cell(cells, settings, "site"), settings)
    day = _cell(cells, settings, "date")
    start = _moment(day, _cell(cells, settings, "start"), settings, site)
    minutes, until = _cell(cells, settings, "minutes"), _cell(cells, settings, "end")
    if until:
        end = _moment(day, until, settings, site)
    elif minutes.isascii() and minutes.isdigit() and int(minutes) > 0:
        end = (start.astimezone(UTC) + timedelta(minutes=int(minutes))).astimezone(start.tzinfo)
    else:
        raise ValueError("end")
    if not timedelta(0) < end.astimezone(UTC) - start.astimezone(UTC) <= LONGEST:
        raise ValueError("end")
    return site, start, end


def _moment(day: str, text: str, settings: Settings, site: SitePart) -> datetime:
    text = f"{day} {text}" if day else text
    if settings.time_format == "iso":
        at = datetime.fromisoformat(text)
    else:
        at = datetime.strptime(text, settings.time_format)  # noqa: DTZ007 - zoned below
    if at.tzinfo is not None:
        return at.astimezone(ZoneInfo(site.zone))
    local = at.replace(tzinfo=ZoneInfo(site.zone))
    if local.astimezone(UTC).astimezone(local.tzinfo).replace(tzinfo=None) != at:
        raise ValueError("the clock jumps over it")
    return local


def _cell(cells: Mapping[str, str], settings: Settings, key: str) -> str:
    return cells.get(settings.columns.get(key, ""), "")


def _site(name: str, settings: Settings) -> SitePart:
    try:
        found = site_of(name if len(settings.sites) > 1 else "", settings.sites)
    except Misconfigured as unknown:
        raise ValueError("site") from unknown
    return next(site for site in settings.sites if site.id == found)


# ---- iCalendar and HL7


def _ical(data: bytes, settings: Settings, written: datetime) -> Content:
    zone = ZoneInfo(settings.sites[0].zone)
    free: list[Opening] = []
    taken: list[Record] = []
    for event in events(data, Window(written - BACK, written + AHEAD), zone):
        who = event.who or settings.practitioner
        try:
            site = _site(event.where, settings)
        except ValueError as unknown:
            raise _broken(say("no site has this name or code")) from unknown
        start, end = (at.astimezone(ZoneInfo(site.zone)) for at in (event.start, event.end))
        if end <= start:
            continue
        if settings.holds == "free":
            free.append(Opening(site.id, who, start, end, event.what))
        elif event.is_busy:
            taken.append(_record(f"{event.uid}|{start.isoformat()}", Kind.BUSY, who, site, start, end, written))
    return Content(tuple(free), tuple(taken))


def _hl7(data: bytes, settings: Settings, written: datetime) -> Iterator[Record]:
    mirror = Mirror()
    for body in whole(data):
        try:
            mirror.take(read(body, settings.terms, written))
        except Unread as no:
            raise _broken(say("a message in it cannot be read ({place})", place=no.place)) from no
    yield from mirror.records.values()


def whole(data: bytes) -> Iterator[bytes]:
    """Yield the messages of a batch. Raises Transient when its envelope is open: the rest is still to come."""
    if not is_whole(data):
        raise _broken(say("its rows are not whole"))
    yield from messages(data)


def _record(
    name: str, kind: Kind, who: str, site: SitePart, start: datetime, end: datetime, written: datetime
) -> Record:
    name = name or hashlib.sha256(f"{who}|{site.id}|{start.isoformat()}|{end.isoformat()}".encode()).hexdigest()
    people = (who,) if who else ()
    times = start.astimezone(UTC), end.astimezone(UTC)
    return Record(name, "", "", kind, written, *times, people=people, places=(), site=site.emr_code)


def _broken(why: Message) -> Transient:
    return Transient(DOING, why)
