"""Turn one TOML value into an address: of the hub, a proxy, a mail server, a person.

Rule: an address in the file carries no name and no password.
"""

import re
from typing import Any
from urllib.parse import SplitResult, urlsplit

from agent.core.message import say
from agent.core.sheet import CONTROL, Wrong, string

_EMAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+")
_SERVER = re.compile(r"[A-Za-z0-9._-]+:\d{1,5}|\[[0-9A-Fa-f:]+\]:\d{1,5}")


def origin(value: Any) -> str:
    """Read the hub's origin (RFC 6454): https, no path, no user; returned without a trailing slash."""
    parts, port = _url(value)
    if parts.scheme == "http":
        raise Wrong(say("the hub is reached over https only, on this machine too"), say("write https://…"))
    if parts.scheme != "https" or not parts.hostname or CONTROL.search(value) or " " in value:
        raise Wrong(say("this is not the address of a hub"), say("write https://… as the hub's operator gave it"))
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise Wrong(say("the address of the hub has no path"), say("stop after the name of the server"))
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"https://{host}" + (f":{port}" if port not in {None, 443} else "")


def proxy(value: Any) -> str:
    """Read the proxy's address, "" = the system's."""
    if not string(value):
        return ""
    parts, _ = _url(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Wrong(say("this is not the address of a proxy"), say("write http://server:port"))
    return str(value)


def _url(value: Any) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(string(value))
        port, user = parts.port, parts.username
    except ValueError as error:
        if isinstance(error, Wrong):
            raise
        raise Wrong(say("this is not an address"), say("write https://… as the hub's operator gave it")) from None
    if user is not None:
        raise Wrong(say("a name or a password stands in the address"), say("write the address without it"))
    return parts, port


def email(value: Any) -> str:
    """Read an e-mail address."""
    if not _EMAIL.fullmatch(string(value)) or CONTROL.search(value):
        raise Wrong(say("this is not an e-mail address"))
    return str(value)


def maybe_email(value: Any) -> str:
    """Read an e-mail address, or "" for none."""
    return email(value) if string(value) else ""


def server(value: Any) -> str:
    """Read "server:port", or "" for none."""
    if string(value) and not _SERVER.fullmatch(value):
        raise Wrong(say("this is not a server and its port"), say('write "server:port"'))
    return str(value)
