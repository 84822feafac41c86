"""Search a server and get every page, or none.

Rule: what the server left out must never look like "there is no more"; a filter it ignored is applied by the caller.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from adapters.fhir.answer import READING, Answer
from adapters.fhir.line import Line, Params
from adapters.fhir.resources import Bad, Known, Link, Outcome, entries
from agent.core.errors import Misconfigured, Transient
from agent.core.message import say

MOST_PAGES = 2000


@dataclass(frozen=True, slots=True)
class Found:
    """What a search brought, each resource once.

    `whole` False: the server tells neither a total nor links, and the page was full: there may be more.
    """

    resources: list[Known | Bad]
    whole: bool


@dataclass(frozen=True, slots=True)
class _Page:
    answer: Answer
    resources: list[Known | Bad]
    links: list[Link]
    total: int | None


def search(line: Line, kind: str, params: Params, page: int) -> Found:
    """Return all that matches, in pages of `page`. Raises Transient when a page is missing, cut or wrong."""
    kept, seen, matches = list[Known | Bad](), set[tuple[str, str]](), 0
    total, linked = None, False
    for leaf in _pages(line, kind, [*params, ("_count", str(page))]):
        total = leaf.total if leaf.total is not None else total
        linked = linked or bool(leaf.links)
        for resource in leaf.resources:
            name = (_kind(resource), "" if isinstance(resource, Bad | Outcome) else resource.id)
            if isinstance(resource, Outcome) or (name in seen and name[1]):
                continue
            seen.add(name)
            kept.append(resource)
            matches += name[0] == kind
    if total is not None and matches < total:
        raise Transient(READING, say("the FHIR server kept {n} entries of a search back", n=total - matches))
    return Found(kept, linked or total is not None or matches < page)


def wholly(line: Line, kind: str, params: Params) -> Iterator[dict[str, Any]]:
    """Yield the matching resources as they are, to be changed in place; for searches that match a few."""
    for leaf in _pages(line, kind, params):
        for entry in leaf.answer.json().get("entry") or ():
            resource = entry.get("resource") if isinstance(entry, dict) else None
            if isinstance(resource, dict) and resource.get("resourceType") == kind:
                yield resource


def _pages(line: Line, kind: str, params: Params) -> Iterator[_Page]:
    answer, links = line.read(kind, params), set[str]()
    while True:
        if not answer.is_good:
            what = say("the FHIR server refuses a search of {kind} (HTTP {code})", kind=kind, code=answer.status)
            raise Misconfigured(READING, what, say("creneau check emr"))
        leaf = _read(answer)
        yield leaf
        after = next((link.url for link in leaf.links if link.relation == "next"), "")
        if not after:
            return
        if after in links or len(links) >= MOST_PAGES:
            raise Transient(READING, say("the FHIR server's pages lead round in a circle"))
        links.add(after)
        answer = line.follow(after)


def _read(answer: Answer) -> _Page:
    try:
        resources, links, total = entries(answer.body)
    except msgspec.DecodeError as cause:
        raise Transient(READING, say("the FHIR server's answer is cut short or is no FHIR")) from cause
    wrong = next((one.wrong for one in resources if isinstance(one, Outcome) and one.wrong), "")
    if wrong:
        raise Transient(READING, say("the FHIR server reports an error inside its answer: {code}", code=wrong[:40]))
    return _Page(answer, resources, links, total)


def _kind(resource: Known | Bad) -> str:
    return resource.kind if isinstance(resource, Bad) else type(resource).__name__
