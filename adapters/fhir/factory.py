"""Open the FHIR adapter as the catalog names it.

Rule: nothing is connected here; every option is judged before the first request.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from adapters.fhir.access import LOOPBACK, Bearer, Smart, trust
from adapters.fhir.emr import FhirEmr
from adapters.fhir.line import Access, Line, Open
from adapters.fhir.terms import GUIDES, Guide, Terms
from adapters.fhir.validate import check_outbound
from agent.core.errors import Misconfigured
from agent.core.message import say
from agent.core.model import EmrName
from agent.ports import Tools

DOING = say("open the FHIR server")


def open_(name: EmrName, options: Mapping[str, object], tools: Tools) -> FhirEmr:
    """Return the adapter, not yet connected. Raises Misconfigured for an address or option that cannot be used."""
    terms = terms_of(name, options, tools)
    return FhirEmr(terms, line_of(terms, options, tools), tools)


def terms_of(name: EmrName, options: Mapping[str, object], tools: Tools) -> Terms:
    """Return what the clinic decided. Raises Misconfigured."""
    text = _texts(options)
    guide = guide_of(options)
    page = options.get("page", 500)
    if "{practitioners}" in str(guide.search) and not text("practitioners"):
        what = say("the guide {guide} searches slots by their practitioners", guide=guide.name)
        raise Misconfigured(DOING, what, say("write practitioners = 'system|value,…'"), key="practitioners")
    kind, mode = text("type_from", "service-type"), text("validate", "off")
    return Terms(
        name=name,
        sites=tools.sites,
        server=_address(text("server")),
        guide=guide,
        label=tools.label,
        type_from=kind,  # type: ignore[arg-type] # one of the words the catalog allows
        practitioner_system=text("practitioner_system"),
        practitioners=text("practitioners"),
        nam_system=text("nam_system"),
        page=page if isinstance(page, int) and page > 0 else 500,
        validate=mode,  # type: ignore[arg-type] # one of the words the catalog allows
    )


def guide_of(options: Mapping[str, object]) -> Guide:
    """Return the guide with what the clinic's file says otherwise. Raises Misconfigured."""
    text = _texts(options)
    guide = GUIDES[text("guide", "r4")]
    given = options.get("search") or ()
    pairs = [str(one).partition("=") for one in given] if isinstance(given, list | tuple) else [("", "", "")]
    if not all(name and equals for name, equals, _ in pairs):
        what = say("a part of the search is no name=value")
        raise Misconfigured(DOING, what, say('write search = ["status=free", …]'), key="search")
    by = text("change_by", "guide")
    return replace(
        guide,
        mime=text("mime", guide.mime),
        search=tuple((name, value) for name, _, value in pairs) or guide.search,
        by_name=guide.by_name if by == "guide" else by == "identifier",
    )


def line_of(terms: Terms, options: Mapping[str, object], tools: Tools) -> Line:
    """Return the way to the server with our account on it. Raises Misconfigured."""
    text, name = _texts(options), str(terms.name)
    context = trust(text("ca_file"), text("certificate"), lambda: tools.secret(f"{name}.tls"))
    inspect = check_outbound if terms.validate == "outbound" else None
    return Line(terms.server, _access(text, name, tools), tools.clock, terms.guide.mime, context, inspect)


def _access(text: Callable[..., str], name: str, tools: Tools) -> Access:
    kind = text("auth", "none")
    if kind == "bearer":
        return Bearer(lambda: tools.secret(name))
    if kind != "smart":
        return Open()
    if not text("client_id"):
        what = say("SMART Backend Services need the client_id the vendor gave")
        raise Misconfigured(DOING, what, say("write client_id = '…'"), key="client_id")
    return Smart(
        client=text("client_id"),
        secret=lambda: tools.secret(name),
        scopes=text("scopes", SCOPES),
        clock=tools.clock,
        dice=tools.dice,
        algorithm=text("algorithm", "ES384"),
        kid=text("key_id"),
    )


SCOPES = "system/Schedule.rs system/Slot.cruds system/Appointment.cruds system/Practitioner.rs system/Patient.rs"


def _texts(options: Mapping[str, object]) -> Callable[..., str]:
    def text(key: str, default: str = "") -> str:
        return str(options.get(key) or default)

    return text


def _address(server: str) -> str:
    parts = urlsplit(server)
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not safe or not parts.hostname or parts.username or parts.query or re.search(r"\s", server):
        what = say("the FHIR server's address is no https address")
        raise Misconfigured(DOING, what, say("write it as https://host/path, without account"), key="server")
    return server
