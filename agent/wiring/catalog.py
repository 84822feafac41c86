"""Open the catalog: the adapters a file may name, and the way into one EMR.

Rule: a driver is loaded only when its source is opened.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import cast

from adapters import catalog
from agent.config import EmrPlan, Plan
from agent.core.errors import Misconfigured
from agent.core.message import say
from agent.core.model import EmrName
from agent.journal import Journal
from agent.ports import Clock, Dice, Emr, Entry, Keys, SitePart, Tools


def entries() -> Mapping[str, Entry]:
    """Return every adapter by name; a third party's that cannot be loaded is left out and named by `check`."""
    found = {}
    for name in catalog.names():
        try:
            entry = catalog.find(name)
        except Misconfigured:
            continue
        if entry is not None:
            found[name] = entry
    return found


def path_options(adapter: str) -> frozenset[str]:
    """Return the adapter's options that name a file."""
    entry = catalog.find(adapter)
    return frozenset(option.key for option in entry.options if option.kind is Path) if entry else frozenset()


def open_emr(plan: Plan, source: EmrPlan, journal: Journal, keys: Keys, clock: Clock, dice: Dice) -> Emr:
    """Return a new object for one thread. Raises Misconfigured when the adapter or its driver is missing."""

    def beside(adapter: str, options: Mapping[str, object]) -> Emr:
        return _made(source.id, adapter, options, tools)

    tools = Tools(
        clock=clock,
        dice=dice,
        secret=keys.secret,
        raw=journal.raw(source.id),
        store=journal.store(source.id),
        sites=tuple(SitePart(s.id, s.time_zone, s.emr_code) for s in plan.sites if s.emr == source.id),
        label=plan.booking.label,
        beside=beside,
    )
    return _made(source.id, source.adapter, source.options, tools)


def _made(name: EmrName, adapter: str, options: Mapping[str, object], tools: Tools) -> Emr:
    entry = catalog.find(adapter)
    doing = say("open the source {emr}", emr=name)
    if entry is None:
        raise Misconfigured(doing, say("there is no adapter {name}", name=adapter), key="adapter")
    module, _, factory = entry.factory.partition(":")
    try:
        make = getattr(import_module(module), factory)
    except ImportError as cause:
        raise Misconfigured(
            doing,
            say("a part of the adapter {name} is not installed", name=adapter),
            say("install the package creneau[{extra}]", extra=entry.extra),
        ) from cause
    return cast("Emr", make(name, options, tools))
