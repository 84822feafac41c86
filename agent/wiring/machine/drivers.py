"""Look at the ODBC drivers the clinic's sources name, and at the ports they listen on.

Rule: the driver is looked up, never loaded: a broken one must not end the agent.
"""

import re
import socket
import struct
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module

from agent.config import EmrPlan, Plan
from agent.core.message import say
from agent.core.model import Finding, Severity

_DRIVER = re.compile(r"(?i)(?:^|;)\s*DRIVER\s*=\s*(\{[^}]*\}|[^;]*)")
_DSN = re.compile(r"(?i)(?:^|;)\s*DSN\s*=\s*(\{[^}]*\}|[^;]*)")
MOST = 65_535
"""The highest TCP port."""
BITS = struct.calcsize("P") * 8


def driver_findings(plan: Plan) -> Iterable[Finding]:
    """Yield whether the driver or data source of each ODBC connection is here, for this program's number of bits."""
    for source in plan.emrs:
        connection = str(source.options.get("connection", ""))
        for pattern, kind in ((_DRIVER, "driver"), (_DSN, "dsn")):
            if match := pattern.search(connection):
                yield from _named(source, match[1].strip().strip("{}"), kind)


def _named(source: EmrPlan, name: str, kind: str) -> Iterator[Finding]:
    try:
        pyodbc = import_module("pyodbc")
    except ImportError:
        says = say("a part of the adapter {name} is not installed", name=source.adapter)
        hint = say("install the package creneau[{extra}]", extra="sql")
        yield Finding("machine.odbc", Severity.FAULT, says, hint)
        return
    here = pyodbc.drivers() if kind == "driver" else list(pyodbc.dataSources())
    if name.casefold() in {one.casefold() for one in here} or (kind == "driver" and "/" in name):
        says = say("ODBC: {name} is installed for {bits} bits", name=name, bits=BITS)
        yield Finding("machine.odbc", Severity.OK, says)
    elif kind == "driver":
        other = " (32)" if name in _other_bits() else ""
        says = say(
            "the ODBC driver {name} is not installed for {bits} bits; installed: {names}",
            name=name + other,
            bits=BITS,
            names=", ".join(here) or "-",
        )
        hint = say("install its {bits}-bit version, or write the name of an installed one in connection", bits=BITS)
        yield Finding("machine.odbc", Severity.FAULT, says, hint)
    else:
        says = say("there is no system data source {name} for {bits} bits", name=name, bits=BITS)
        hint = say("make it a system DSN, not a user's, with the {bits}-bit ODBC administrator", bits=BITS)
        yield Finding("machine.odbc", Severity.FAULT, says, hint)


if sys.platform == "win32":  # pragma: no cover - run under Wine

    def _other_bits() -> set[str]:
        """Return the drivers installed for 32 bits only programs: the usual reason why ours is not found."""
        import winreg

        names: set[str] = set()
        try:
            place = r"SOFTWARE\ODBC\ODBCINST.INI\ODBC Drivers"
            access = winreg.KEY_READ | winreg.KEY_WOW64_32KEY
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, place, 0, access) as key:
                for n in range(winreg.QueryInfoKey(key)[1]):
                    names.add(winreg.EnumValue(key, n)[0])
        except OSError:
            pass
        return names
else:

    def _other_bits() -> set[str]:
        """Return nothing: there are no 32-bit drivers to mistake elsewhere."""
        return set()


def port_findings(plan: Plan, *, running: bool) -> Iterable[Finding]:
    """Yield whether another program holds a port a source wants to listen on; a running agent holds them itself."""
    for source in plan.emrs:
        port = source.options.get("port")
        host = str(source.options.get("host") or source.options.get("listen") or "")
        if running or not isinstance(port, int) or not 0 < port <= MOST:
            continue
        try:
            socket.create_server((host, port)).close()
        except OSError:
            says = say(
                "the port {port} of {emr} is taken by {owner}", port=str(port), emr=source.id, owner=_owner(port)
            )
            hint = say("end that program, or choose another port under [[emr]]")
            yield Finding("machine.port-taken", Severity.FAULT, says, hint)


def _owner(port: int) -> str:
    """Return the program that listens on a port, as far as this account may see it; "?" else."""
    if sys.platform == "win32":  # pragma: no cover - run under Wine
        from agent.wiring.machine.windows import listener
    else:
        from agent.wiring.machine.linux import listener
    return listener(port) or "?"
