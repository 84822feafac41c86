"""Say in a sentence for clinic IT why the hub could not be reached.

Rule: names the host and the next act, never a credential of the proxy and nothing of the message.
"""

import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import timedelta

import httpx

from agent.core.errors import Transient
from agent.core.message import Message, say

DOING = say("talk to the hub")


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def fault(error: Exception, host: str) -> Transient:
    """Return what a transport error means."""
    causes = list(_causes(error))
    for kind, told in _SENTENCES:
        for cause in causes:
            if isinstance(cause, kind):
                return Transient(DOING, *told(cause, host))
    return Transient(
        DOING,
        say("the connection to {host} broke off", host=host),
        say("nothing to do if it passes; else look at the firewall's log"),
    )


Told = tuple[Message, Message]


def _proxy(_cause: BaseException, host: str) -> Told:
    return (
        say("the proxy refuses the way to {host}", host=host),
        say("set [hub] proxy to http://user:password@host:port, or let the proxy pass this host"),
    )


def _certificate(cause: BaseException, host: str) -> Told:
    why = getattr(cause, "verify_message", "")
    return (
        say("the certificate of {host} is not trusted here: {why}", host=host, why=why),
        say("if a proxy inspects HTTPS, put its authority's PEM file under [hub] ca_file"),
    )


def _tls(_cause: BaseException, host: str) -> Told:
    return (
        say("no secure connection with {host}", host=host),
        say("TLS 1.2 or newer is needed; a proxy or antivirus may stand in between"),
    )


def _name(_cause: BaseException, host: str) -> Told:
    return (
        say("the name {host} is not known here", host=host),
        say("check the DNS server of this machine and the address under [hub] url"),
    )


def _refused(_cause: BaseException, host: str) -> Told:
    return (
        say("{host} refuses the connection", host=host),
        say("check the port under [hub] url, and [hub] proxy if one is needed"),
    )


def _late(_cause: BaseException, host: str) -> Told:
    return (
        say("{host} did not answer in time", host=host),
        say("let the firewall pass outbound TCP to this host and port"),
    )


_SENTENCES: tuple[tuple[type[BaseException], Callable[[BaseException, str], Told]], ...] = (
    (httpx.ProxyError, _proxy),
    (ssl.SSLCertVerificationError, _certificate),
    (ssl.SSLError, _tls),
    (socket.gaierror, _name),
    (ConnectionRefusedError, _refused),
    (httpx.TimeoutException, _late),
)
"""The most telling first."""


def no_answer(host: str, status: int, after: timedelta | None = None) -> Transient:
    """Return what an HTTP answer that is not the hub's means."""
    return Transient(
        DOING,
        say("{host} answered HTTP {status}, not signed by the hub", host=host, status=status),
        say("a proxy, a portal page or a firewall may be answering instead of the hub"),
        after=after,
    )


def stopping() -> Transient:
    """Return what a call means that comes after the end."""
    return Transient(DOING, say("the agent is stopping"))


def too_long(host: str) -> Transient:
    """Return what an answer beyond the bound means."""
    return Transient(DOING, say("{host} answered more than this agent reads", host=host))
