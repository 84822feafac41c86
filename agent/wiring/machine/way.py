"""Look at the way to the hub, step by step: name, port, proxy, certificate, who answers.

Rule: each step is tried by itself, so that the finding names the one that fails; nothing is sent that says who we are.
"""

import http.client
import json
import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import closing
from urllib.parse import urlsplit

from cryptography import x509

from agent.core.errors import Misconfigured
from agent.core.message import say
from agent.core.model import Finding, Severity
from agent.hublink import system_proxy
from agent.hublink.lines import trust

PATIENCE_S = 8.0
HTTPS = 443


def way_findings(url: str, ca_file: str, proxy: str) -> Iterable[Finding]:
    """Yield a line for the firewall's owner, then each step until one fails. `url`: an https origin, as checked."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or HTTPS
    says = say(
        "for whoever owns the firewall: outbound TCP from {machine} to {host}:{port} (HTTPS, kept open up to 90 s); nothing inbound",
        machine=socket.gethostname(),
        host=host,
        port=str(port),
    )
    yield Finding("machine.firewall-line", Severity.NOTE, says)
    via = proxy or system_proxy(host)
    if via:
        yield from _proxy(via)
        return  # the signed question of `check hub` goes through it and tells the rest
    yield from _straight(host, port, ca_file)


def _proxy(via: str) -> Iterator[Finding]:
    parts = urlsplit(via)
    host, port = parts.hostname or "", parts.port or 80
    found = _reach(host, port)
    if found is not None:
        yield found
    else:
        says = say("the way leads through the proxy {host}:{port}, which answers", host=host, port=str(port))
        yield Finding("machine.proxy", Severity.OK, says)


def _straight(host: str, port: int, ca_file: str) -> Iterator[Finding]:
    found = _reach(host, port)
    if found is not None:
        yield found
        return
    try:
        context = trust(ca_file)
    except Misconfigured as fault:
        yield Finding("machine.authority", Severity.FAULT, fault.what, fault.hint)
        return
    try:
        with closing(_secured(host, port, context)) as line:
            by = _issuer(line.getpeercert(binary_form=True))
        says = say("secure connection with {host}, certificate issued by {issuer}", host=host, issuer=by)
        yield Finding("machine.tls", Severity.OK, says)
    except ssl.SSLCertVerificationError as error:
        says = say(
            "the certificate of {host}, issued by {issuer}, is not trusted here: {why}",
            host=host,
            issuer=_unverified(host, port),
            why=error.verify_message,
        )
        hint = say("if that is your firewall or antivirus, put its authority's PEM file under [hub] ca_file")
        yield Finding("machine.certificate", Severity.FAULT, says, hint)
        return
    except OSError:
        says = say("no secure connection with {host}", host=host)
        hint = say("TLS 1.2 or newer is needed; a proxy or antivirus may stand in between")
        yield Finding("machine.tls", Severity.FAULT, says, hint)
        return
    yield from _answers(host, port, context)


def _reach(host: str, port: int) -> Finding | None:
    """Return what is wrong with name or port, None when both are well."""
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        says = say("the name {host} is not known here", host=host)
        hint = say("check the DNS server of this machine and the address under [hub] url")
        return Finding("machine.name", Severity.FAULT, says, hint)
    try:
        socket.create_connection((host, port), PATIENCE_S).close()
    except ConnectionRefusedError:
        says = say("{host} refuses the connection", host=host)
        hint = say("check the port under [hub] url, and [hub] proxy if one is needed")
        return Finding("machine.port", Severity.FAULT, says, hint)
    except OSError:
        says = say("{host} did not answer in time", host=host)
        hint = say("let the firewall pass outbound TCP to this host and port")
        return Finding("machine.port", Severity.FAULT, says, hint)
    return None


def _answers(host: str, port: int, context: ssl.SSLContext) -> Iterator[Finding]:
    """Ask the page every hub has; a portal page or a filter answers otherwise."""
    line = http.client.HTTPSConnection(host, port, timeout=PATIENCE_S, context=context)
    try:
        with closing(line):
            line.request("GET", "/healthz", headers={"Accept": "application/json"})
            answer = line.getresponse()
            body = answer.read(4096)
        told = json.loads(body) if answer.status == http.client.OK else None
    except (OSError, ValueError, http.client.HTTPException):
        told = None
    if not isinstance(told, dict):
        says = say("something other than a hub answers at {host}", host=host)
        hint = say("a proxy, a portal page or a firewall may be answering instead of the hub")
        yield Finding("machine.middlebox", Severity.WARN, says, hint)


def _unverified(host: str, port: int) -> str:
    """Return who issued the certificate we are shown, trusted or not: it names the box that stands in between."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # looks at the certificate; nothing is sent
    try:
        with closing(_secured(host, port, context)) as shown:
            return _issuer(shown.getpeercert(binary_form=True))
    except OSError:
        return "?"


def _secured(host: str, port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    line = socket.create_connection((host, port), PATIENCE_S)
    try:
        return context.wrap_socket(line, server_hostname=host)
    except BaseException:
        line.close()
        raise


def _issuer(der: bytes | None) -> str:
    if not der:
        return "?"
    names = x509.load_der_x509_certificate(der).issuer
    for wanted in (x509.NameOID.COMMON_NAME, x509.NameOID.ORGANIZATION_NAME):
        for one in names.get_attributes_for_oid(wanted):
            return str(one.value)[:80]
    return "?"
