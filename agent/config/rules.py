"""Read the sharing part: [types], [practitioners], [sharing] and its rules.

Rule: whoever or whatever is not named is not shared; a word no section defines is a fault, never "any".
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import date
from typing import Any

from agent.config.plan import EmrPlan, SitePlan
from agent.config.schema import ACCORD, ALLOW, DENY, MANAGERS, PUBLISH_AS, SHARING
from agent.config.sources import confirmations, zones
from agent.core.message import say
from agent.core.model import EmrName, Finding, Severity, SiteId
from agent.core.sharing import Accord, Allow, Deny, Match, PublishAs, SharingRules
from agent.core.sheet import Key, Path, Sheet, list_of, suggest, text

Coded = tuple[EmrName, str]


class RulesReader:
    """Reads the sharing part once; `notes` are what a person should know though it is no fault."""

    def __init__(self, sheet: Sheet, emrs: Sequence[EmrPlan], sites: Sequence[SitePlan]) -> None:
        """Take the sources and sites that codes and rules may name."""
        self._sheet = sheet
        self._emrs = tuple(emr for emr in emrs if emr.id)
        self._sites = tuple(site for site in sites if site.id)
        self._words: dict[str, list[Coded]] = {}
        self._types: dict[Coded, str] = {}
        self._roster: dict[Coded, Accord] = {}
        self._people: dict[str, Coded] = {}
        self.notes: list[Finding] = []

    def read(self) -> SharingRules:
        """Return the rules; they mean nothing when the sheet has faults."""
        self._read_types()
        self._read_practitioners()
        path: Path = ("sharing",)
        data = self._sheet.get("sharing")
        values = self._sheet.table({} if data is None else data, path, SHARING, ("allow", "deny"))
        allow = [self._allow(at, rule, values["identity"]) for at, rule in self._sheet.array("allow", data, path)]
        deny = [self._deny(at, rule) for at, rule in self._sheet.array("deny", data, path)]
        self._names_once("allow", [rule.name for rule in allow])
        self._names_once("deny", [rule.name for rule in deny])
        self._remark(allow, values)
        return SharingRules(
            **values,
            types=self._types,
            roster=self._roster,
            allow=tuple(allow),
            deny=tuple(deny),
            zones=zones(self._sites),
            confirmation=confirmations(self._emrs),
            digest=digest({key: self._sheet.get(key) for key in MANAGERS}),
        )

    def _section(self, name: str) -> dict[str, Any]:
        data = self._sheet.get(name)
        if data is not None and not isinstance(data, dict):
            self._sheet.table(data, (name,), ())
        return data if isinstance(data, dict) else {}

    def _read_types(self) -> None:
        for word, raw in self._section("types").items():
            path = ("types", word)
            codes = self._sheet.read(path, raw, Key(word, list_of(text(1, 80)))) or ()
            self._words[word] = []
            for code in codes:
                coded = self._coded(code, path)
                if coded is None:
                    continue
                if coded in self._types:
                    says = say("this code already belongs to the word {word}", word=self._types[coded])
                    self._sheet.fault(path, code, says, say("a code may stand under one word only"))
                self._types[coded] = word
                self._words[word].append(coded)

    def _read_practitioners(self) -> None:
        for code, raw in self._section("practitioners").items():
            path = ("practitioners", code)
            hint = say('write {code} = {{ name = "…", agreed = 2026-11-16 }}', code=code)
            if not isinstance(raw, dict):
                self._sheet.fault(path, raw, say("a person has a name and the date of their accord"), hint)
                raw = {"name": "??"}  # noqa: PLW2901 - so that the rules that name them raise no second fault
            values = self._sheet.table(raw, path, ACCORD)
            coded = self._coded(code, path)
            if coded is not None:
                self._roster[coded] = Accord(values["name"] or "", values["agreed"], self._sheet.line(path))
                self._people[code] = coded

    def _coded(self, code: str, path: Path) -> Coded | None:
        """Give a code its source: alone with one [[emr]] that has slots, "dme:s" with more."""
        names = [emr.id for emr in self._emrs if not emr.is_wake]
        name, colon, rest = code.partition(":")
        if colon and name in names and rest:
            return EmrName(name), rest
        if len(names) == 1:
            return names[0], code
        if names:
            says = say("with more than one EMR a code begins with the EMR's id")
            self._sheet.fault(path, code, says, say('write "{id}:{code}"', id=names[0], code=code))
        return None

    def _allow(self, path: Path, data: Any, identity: str | None) -> Allow:
        values = self._sheet.table(data, path, ALLOW)
        where = (*path, "publish_as")
        leaves = values["publish_as"]
        shape = None if leaves is None else self._sheet.table(leaves, where, PUBLISH_AS)
        if shape is not None and shape["clientele"] == "enrolled-with-doctor" and identity == "team":
            says = say("patients enrolled with a doctor cannot book with a team")
            hint = say('write identity = "named", or another clientele')
            self._sheet.fault((*where, "clientele"), shape["clientele"], says, hint)
        published = PublishAs(**shape) if shape is not None else PublishAs("", "", "")
        return Allow(values["name"] or "", self._sheet.line(path), self._match(path, values), published)

    def _deny(self, path: Path, data: Any) -> Deny:
        values = self._sheet.table(data, path, DENY)
        return Deny(values["name"] or "", self._sheet.line(path), self._match(path, values))

    def _match(self, path: Path, values: dict[str, Any]) -> Match:
        return Match(
            types=self._typed(path, values["types"]),
            practitioners=self._persons(path, values["practitioners"]),
            sites=self._placed(path, values["sites"]),
            days=frozenset(values["days"] or ()),
            between=values["between"] or (0, 1440),
        )

    def _typed(self, path: Path, words: Sequence[str] | None) -> frozenset[Coded] | None:
        if words is None:
            return None
        found: set[Coded] = set()
        for word in words:
            if word == "*":
                found.update(self._types)
            elif word in self._words:
                found.update(self._words[word])
            else:
                says = say("no word of [types] is written so")
                self._sheet.fault((*path, "types"), word, says, suggest(word, self._words))
        return frozenset(found)

    def _persons(self, path: Path, codes: Sequence[str] | None) -> frozenset[Coded] | None:
        if codes is None:
            return None
        where = (*path, "practitioners")
        for code in codes:
            if code == "*":
                hint = say("name each person; in a deny rule, leave the key out to mean everyone")
                self._sheet.fault(where, code, say('"*" is refused for practitioners'), hint)
            elif code not in self._people and code not in self._section("practitioners"):
                says = say("nobody in [practitioners] has this code")
                self._sheet.fault(where, code, says, suggest(code, self._people))
        return frozenset(self._people[code] for code in codes if code in self._people)

    def _placed(self, path: Path, names: Sequence[str] | None) -> frozenset[SiteId] | None:
        if names is None or "*" in names:
            return None
        known = [site.id for site in self._sites]
        for name in names:
            if name not in known:
                self._sheet.fault((*path, "sites"), name, say("no [[site]] has this id"), suggest(name, known))
        return frozenset(SiteId(name) for name in names)

    def _names_once(self, kind: str, names: list[str]) -> None:
        for place, name in enumerate(names):
            if name and name in names[:place]:
                path = ("sharing", kind, place, "name")
                self._sheet.fault(path, name, say("two rules have this name"), say("give each rule its own name"))

    def _remark(self, allow: list[Allow], values: dict[str, Any]) -> None:
        if not allow:
            says = say("no [[sharing.allow]] rule: nothing will be shared")
            self.notes.append(Finding("sharing.no-rule", Severity.WARN, says, say("config.example.toml shows one")))
        for rule in allow:
            people = len(rule.match.practitioners or ())
            if values["identity"] == "team" and people < (values["team_min"] or 0):
                says = say(
                    "rule {name}, line {line}: {people} people named, a team has at least {least}",
                    name=rule.name,
                    line=rule.line,
                    people=people,
                    least=values["team_min"],
                )
                self.notes.append(
                    Finding("sharing.team-min", Severity.WARN, says, say("until then its slots are not shared"))
                )
        for (_, code), accord in self._roster.items():
            if accord.agreed is None:
                says = say("practitioner {code}, line {line}: no date of accord", code=code, line=accord.line)
                self.notes.append(
                    Finding("sharing.no-accord", Severity.NOTE, says, say("until then their slots are not shared"))
                )


def digest(part: dict[str, Any]) -> str:
    """Return the hex SHA-256 of the sharing part's values; remarks, blanks and the order of keys do not count."""
    canonical = json.dumps(part, default=_plain, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)
