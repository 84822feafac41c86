"""Read [[emr]] and [[site]]: the sources, their adapters' own options, and the places they serve.

Rule: no adapter is imported here; what each lets clinic IT write comes in as data.
"""

import re
from collections.abc import Mapping
from pathlib import Path as File
from typing import Any

from agent.config.plan import EmrPlan, SitePlan
from agent.config.schema import ARRAYS
from agent.config.values import of_kind
from agent.core.message import Message, say
from agent.core.model import EmrName, SiteId
from agent.core.sheet import Key, Path, Sheet, suggest
from agent.ports import Entry, Option

_PASSWORD = re.compile(r"\b(pwd|password|passwd|mot_de_passe)\s*=|://[^/\s@]*:[^/\s@]*@", re.IGNORECASE)
_NAMED = re.compile(r"pwd|pass|secret|token", re.IGNORECASE)


def read_emrs(sheet: Sheet, entries: Mapping[str, Entry], folder: File) -> list[EmrPlan]:
    """Return every source; what could not be read is noted on the sheet. `folder`: of the file."""
    tables = sheet.array("emr", {"emr": sheet.get("emr")}, ())
    if not tables and sheet.get("emr") in (None, []):
        sheet.fault(("emr",), None, say("no EMR is named"), say("add a section [[emr]]"))
    plans: list[EmrPlan] = []
    for path, data in tables:
        entry = _entry(sheet, data, path, entries)
        others = None if entry is None else {option.key.partition(".")[0] for option in entry.options}
        values = sheet.table(data, path, ARRAYS["emr"], others)
        options = {} if entry is None else _options(sheet, data, path, entry, folder)
        _secrets(sheet, data, path, str(values["id"] or "NAME"))
        if entry is not None and values["bookings"] == "automatic":
            _writes(sheet, path, entry, options)
        plans.append(EmrPlan(**values, options=options, line=sheet.line(path)))
    _once(sheet, "emr", [plan.id for plan in plans])
    return plans


def _writes(sheet: Sheet, path: Path, entry: Entry, options: Mapping[str, object]) -> None:
    """Refuse to offer as booked at once what then waits for a person."""
    hint = say('write bookings = "tasks": the front desk enters them')
    if not entry.books:
        sheet.fault((*path, "bookings"), "automatic", say("this adapter only reads"), hint)
    elif entry.books_with and not options[entry.books_with]:
        says = say("this source only reads without {key}", key=entry.books_with)
        sheet.fault((*path, "bookings"), "automatic", says, hint)


def _entry(sheet: Sheet, data: Mapping[str, Any], path: Path, entries: Mapping[str, Entry]) -> Entry | None:
    name = data.get("adapter")
    if not isinstance(name, str):
        return None
    if name not in entries:
        known = ", ".join(sorted(entries))
        sheet.fault(
            (*path, "adapter"), name, say("this adapter is not known"), say("choose one of: {words}", words=known)
        )
    return entries.get(name)


def _options(sheet: Sheet, data: Mapping[str, Any], path: Path, entry: Entry, folder: File) -> dict[str, object]:
    flat = {option.key for option in entry.options if "." not in option.key}
    groups = {group for group, dot, _ in (option.key.partition(".") for option in entry.options) if dot}
    options: dict[str, object] = {}
    for option in entry.options:
        group, dot, name = option.key.partition(".")
        holder = data.get(group)
        if dot and isinstance(holder, dict):
            options[option.key] = _option(sheet, holder, (*path, group), name, option, folder)
        elif dot and (holder is not None or group in flat):
            options[option.key] = None if option.default is ... else option.default
        elif dot:
            options[option.key] = _option(sheet, {}, (*path, group), name, option, folder)
        elif group in groups and isinstance(holder, dict):
            options[option.key] = None if option.default is ... else option.default
        else:
            options[option.key] = _option(sheet, data, path, option.key, option, folder)
    for group in groups:
        if group not in flat and not isinstance(data.get(group, {}), dict):
            sheet.table(data[group], (*path, group), ())
        if isinstance(data.get(group), dict):
            names = [option.key.partition(".")[2] for option in entry.options if option.key.startswith(group + ".")]
            sheet.unknown(data[group], (*path, group), names)
    return options


def _option(sheet: Sheet, data: Mapping[str, Any], path: Path, name: str, option: Option, folder: File) -> object:
    if name not in data:
        if option.default is not ...:
            return option.default
        sheet.fault((*path, name), None, say("the key {key} is missing", key=option.key), Message(option.says))
        return None
    return sheet.read((*path, name), data[name], Key(name, of_kind(option.kind, folder)))


def _secrets(sheet: Sheet, data: Mapping[str, Any], path: Path, name: str) -> None:
    """Passwords have one place, the vault; the value is never shown."""
    for key, value in data.items():
        if isinstance(value, dict):
            _secrets(sheet, value, (*path, key), name)
        elif (isinstance(value, str) and _PASSWORD.search(value)) or (_NAMED.search(key) and value):
            says = say("a password stands in the file")
            sheet.fault((*path, key), "***", says, say("take it out, then: creneau secret set {id}", id=name))


def _once(sheet: Sheet, array: str, ids: list[Any]) -> None:
    for place, name in enumerate(ids):
        if name is not None and name in ids[:place]:
            sheet.fault((array, place, "id"), name, say("this id stands twice"), say("give each section its own id"))


def read_sites(sheet: Sheet, emrs: list[EmrPlan]) -> list[SitePlan]:
    """Return every site; each belongs to one source and each source serves at least one site."""
    plans = [
        SitePlan(**sheet.table(data, path, ARRAYS["site"]))
        for path, data in sheet.array("site", {"site": sheet.get("site")}, ())
    ]
    names = [plan.id for plan in emrs if plan.id]
    _once(sheet, "site", [plan.id for plan in plans])
    for place, plan in enumerate(plans):
        if plan.emr not in (None, *names):
            path = ("site", place, "emr")
            sheet.fault(path, plan.emr, say("no [[emr]] has this id"), suggest(plan.emr, names))
        others = [other.emr_code for other in plans[:place] + plans[place + 1 :] if other.emr == plan.emr]
        if plan.emr in names and others and (plan.emr_code == "*" or plan.emr_code in others):
            says = say("two sites of one EMR need a code each")
            sheet.fault(("site", place, "emr_code"), plan.emr_code, says, say("creneau emr list shows the codes"))
    for place, emr in enumerate(emrs):
        if emr.id and not emr.is_wake and emr.id not in {plan.emr for plan in plans}:
            says = say("no site belongs to this EMR")
            sheet.fault(("emr", place, "id"), emr.id, says, say('add a [[site]] with emr = "{id}"', id=emr.id))
    return plans


def zones(sites: list[SitePlan] | tuple[SitePlan, ...]) -> dict[SiteId, str]:
    """Return the time zone of each site."""
    return {site.id: site.time_zone for site in sites}


def confirmations(emrs: list[EmrPlan] | tuple[EmrPlan, ...]) -> dict[EmrName, str]:
    """Return "instant" where bookings are written automatically, else "request"."""
    return {emr.id: "instant" if emr.bookings == "automatic" else "request" for emr in emrs}
