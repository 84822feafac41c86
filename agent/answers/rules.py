"""`sharing show`: the rules of the clinic's file in plain words.

Rule: it says what the file says; whether that has force is `applied`, said beside it.
"""

from collections.abc import Mapping
from typing import Any

from agent.answers import words
from agent.answers.house import Asked, House
from agent.answers.shape import Sentence, sentence
from agent.core.message import Message, say
from agent.core.sharing import Allow, Deny, Match, SharingRules

DAYS = (say("Mon"), say("Tue"), say("Wed"), say("Thu"), say("Fri"), say("Sat"), say("Sun"))


def show(house: House, asked: Asked) -> Mapping[str, Any]:
    """Answer {enabled, expires, applied, says, allow, deny}; `says`: sentences that hold for all rules.

    A rule is {name, line, types, people, sites, days, between, to}; a null there means any.
    """
    del asked
    rules, applied = house.file().rules, house.applied()
    return {
        "enabled": rules.enabled,
        "expires": str(rules.expires),
        "applied": applied is not None and applied.digest == rules.digest,
        "says": [sentence(said) for said in _all(rules)],
        "allow": [{**_rule(rules, one), "to": _to(one)} for one in rules.allow],
        "deny": [{**_rule(rules, one), "to": []} for one in rules.deny],
    }


def _all(rules: SharingRules) -> list[Message]:
    named, exact = rules.identity == "named", rules.times == "exact"
    hours, days = int(rules.min_notice.total_seconds() // 3600), rules.horizon.days
    return [
        say("The name is published.") if named else say("The name is not published: patients read “the team”."),
        say("People named in a rule, at least: {n}", n=rules.team_min),
        say("Shortest notice, in hours: {n}", n=hours),
        say("Furthest day ahead: {n}", n=days),
        say("Exact times are published.") if exact else say("Only half-days are published until a slot is held."),
        say("A cancellation frees its slot.")
        if rules.cancelled_frees
        else say("A cancelled slot stays at the clinic."),
    ]


def _rule(rules: SharingRules, one: Allow | Deny) -> Mapping[str, Any]:
    match = one.match
    return {
        "name": one.name,
        "line": one.line,
        "types": _types(rules, match),
        "people": _people(rules, match),
        "sites": None if match.sites is None else sorted(match.sites),
        "days": None if len(match.days) == len(DAYS) else [sentence(DAYS[day]) for day in sorted(match.days)],
        "between": None if match.between == (0, 1440) else [_clock(minute) for minute in match.between],
    }


def _types(rules: SharingRules, match: Match) -> list[str] | None:
    if match.types is None:
        return None
    return sorted({rules.types.get(code, code[1]) for code in match.types})


def _people(rules: SharingRules, match: Match) -> list[str] | None:
    if match.practitioners is None:
        return None
    known = rules.roster
    return sorted(known[who].name if who in known else who[1] for who in match.practitioners)


def _to(one: Allow) -> list[Sentence | str]:
    told = one.publish_as
    found = (
        words.CLIENTELE.get(told.clientele, told.clientele),
        words.REASON.get(told.reason, told.reason),
        words.MODE.get(told.mode, told.mode),
    )
    return [sentence(value) if isinstance(value, Message) else value for value in found]


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
