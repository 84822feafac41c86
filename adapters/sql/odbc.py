"""What every database behind ODBC shares: the driver, the connection text, a connection another thread can stop.

Rule: account and password never stand in the connection text; what the driver gets wrong is its dialect's to mend.
"""

import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from importlib import import_module
from typing import Any

from adapters.sql.dialect import Connection, Kind
from adapters.sql.selftest import FACTS, Trial, faults
from agent.core.errors import CreneauError, Misconfigured
from agent.core.message import Message, say

SCHEME = "DRIVER="
LOGIN_S, LOCK_S, STATEMENT_S, ANSWER_S = 5, 3, 30, 40
"""How long to wait for: a login, somebody else's lock, one statement, any sign of life from the server."""

DOING = say("open the EMR database")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")
_PAIR = re.compile(r"\s*([^=;]+?)\s*=\s*(\{(?:[^}]|\}\})*\}|[^;]*)\s*(?:;|$)")


class Line:
    """A pyodbc connection that remembers its last cursor, so that another thread can cancel what runs on it."""

    def __init__(self, real: Any) -> None:
        """Take the open connection."""
        self._real = real
        self._last: Any = None
        self._cancelling: threading.Thread | None = None

    def cursor(self) -> Any:
        """Return a fresh cursor."""
        self._last = self._real.cursor()
        return self._last

    def cancel(self) -> None:
        """Stop the running statement; any thread, at once.

        The driver asks the server by a connection of its own, which a frozen server never answers.
        """
        if self._last is not None and (self._cancelling is None or not self._cancelling.is_alive()):
            self._cancelling = threading.Thread(target=_cancel, args=(self._last,), daemon=True)
            self._cancelling.start()

    def close(self) -> None:
        """Close it; a connection whose cancelling still runs is left to the process's end, or the driver crashes."""
        if self._cancelling is not None:
            self._cancelling.join(CANCEL_S)
            if self._cancelling.is_alive():
                _LEFT.append(self)
                return
        self._last = None
        self._real.close()


_LEFT: list[Line] = []
CANCEL_S = 1


def _cancel(cursor: Any) -> None:
    with suppress(Exception):  # it may have ended by itself
        cursor.cancel()


def driver() -> Any:
    """Return pyodbc. Raises Misconfigured when it, or the system's libodbc under it, is missing."""
    try:
        pyodbc: Any = import_module("pyodbc")
    except ImportError as cause:
        what = say("a part of the adapter {name} is not installed", name="sql")
        hint = say("install creneau[sql] and, on Linux, the package unixodbc")
        raise Misconfigured(DOING, what, hint) from cause
    pyodbc.pooling = False  # else a connection left in doubt comes back
    return pyodbc


def parts(connection: str, ours: AbstractSet[str]) -> dict[str, str]:
    """Return the pairs of a connection text, keys in capitals. Raises Misconfigured for what is ours to write."""
    if not connection.upper().startswith(SCHEME):
        raise unusable(say("the connection names no database this agent knows"))
    found, end = dict[str, str](), 0
    for match in _PAIR.finditer(connection):
        key, value, end = match[1].upper(), match[2].strip(), match.end()
        if key in ours:
            raise unusable(say("{key} does not belong in the connection", key=key))
        found[key] = value
    if connection[end:].strip():
        raise unusable(say("the connection cannot be read"))
    return found


def elsewhere(connection: str, database: str) -> str:
    """Return the text for another database of the same server. Raises Misconfigured when it is the same one, or none."""
    found = parts(connection, frozenset())
    if not _NAME.fullmatch(database) or found.get("DATABASE", "").strip("{}").casefold() == database.casefold():
        raise Misconfigured(
            DOING,
            say("{name} is no other database than the EMR's own", name=database[:40]),
            say("give the name of a copy on the same server"),
            key="connection",
        )
    return ";".join(f"{key}={value}" for key, value in {**found, "DATABASE": database}.items())


def unusable(what: Message) -> Misconfigured:
    """Return the fault of a connection text."""
    hint = say("write connection = 'DRIVER=…;SERVER=…;DATABASE=…', and the account as user = '…'")
    return Misconfigured(DOING, what, hint, key="connection")


def braced(text: str) -> str:
    """Quote a value so that it may hold any character."""
    return "{" + text.replace("}", "}}") + "}"


class Odbc(ABC):
    """What every dialect behind ODBC is: a connection text, an account, the driver, how a line opens and is stopped."""

    ours: AbstractSet[str]
    """Keys that do not belong in the connection text: the dialect writes them."""
    remedies: Mapping[Kind, Message] = {}
    """What to do about a fault of these kinds while a line opens; others leave as the driver raised them."""

    login_s, lock_s, statement_s = LOGIN_S, LOCK_S, STATEMENT_S

    def __init__(self, connection: str, user: str, password: Callable[[], str], secret: str = "ID") -> None:  # noqa: S107 - the name of a secret, not one
        """Take the connection text, the account ("" = the service's own) and where its password is asked for.

        `secret` names it in the vault. Raises Misconfigured for a connection that cannot be used, or a missing driver.
        """
        self._parts = parts(connection, self.ours)
        self._user = user
        self._password = password
        self._secret = secret
        self._driver = driver()
        self.errors: type[Exception] = self._driver.Error

    def connect(self) -> Connection:
        """Log in, set the session and prove that it is as it was set. Raises what the driver or the vault raises."""
        real = self._driver.connect(self._text(), timeout=self.login_s, autocommit=True)  # transactions go by statement
        try:
            self._set(real)
            self._prove(real)
        except self.errors as cause:
            real.close()
            remedy = self.remedies.get(self.kind(cause))
            if remedy is not None:
                raise self._fault(self.code(cause), remedy) from cause
            raise
        except CreneauError:
            real.close()
            raise
        return Line(real)

    def interrupt(self, connection: Connection) -> None:
        """Cancel the running statement; any thread."""
        if isinstance(connection, Line):
            connection.cancel()

    def hint(self, kind: Kind) -> Message:
        """Return what to do about a fault of the set-up."""
        if kind is Kind.LOGIN:
            return say("creneau secret set {id}", id=self._secret)
        return say("creneau check emr")

    @abstractmethod
    def kind(self, error: Exception) -> Kind:
        """Classify an error."""

    @abstractmethod
    def code(self, error: Exception) -> str:
        """Return what names an error on a screen."""

    @abstractmethod
    def _text(self) -> str:
        """Return the whole connection text, account and password included."""

    @abstractmethod
    def _set(self, real: Any) -> None:
        """Set the session of a line that just opened."""

    def _trial(self) -> Trial | None:
        """Return how a session is proved; None = it is taken as it is."""
        return None

    def _prove(self, real: Any) -> None:
        """Refuse a session that is not as it was set, or that changes values on their way."""
        trial = self._trial()
        for fact in faults(real, trial) if trial else ():
            known = fact in FACTS or fact.startswith("time ")
            proxy = say("look for a proxy between the agent and the database")
            raise self._fault(fact, self.remedies[Kind.SETUP] if known else proxy)

    def _fault(self, fact: str, hint: Message) -> Misconfigured:
        return Misconfigured(DOING, say("the connection failed its self-test ({fact})", fact=fact), hint)
