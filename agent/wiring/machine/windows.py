"""What a Windows machine has around the agent: clock service, sleep, pending restart, antivirus, code page, who listens.

Rule: registry values and numbers only; nothing here depends on the language Windows speaks.
"""

import ctypes
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from agent.core.message import say
from agent.core.model import Finding, Severity

if sys.platform == "win32":  # pragma: no cover - run under Wine
    import winreg

    import win32api
    import win32service
    import win32serviceutil

    DISABLED = 4
    _CURRENT = r"SOFTWARE\Microsoft\Windows\CurrentVersion"
    PENDING = (
        rf"{_CURRENT}\Component Based Servicing\RebootPending",
        rf"{_CURRENT}\WindowsUpdate\Auto Update\RebootRequired",
    )
    SESSION = r"SYSTEM\CurrentControlSet\Control\Session Manager"
    DEFENDER = r"SOFTWARE\Microsoft\Windows Defender"
    USUAL = {1252, 65001}

    def surroundings(folder: Path) -> Iterable[Finding]:
        """Yield what a service of years trips over."""
        yield from _account()
        yield from _vault(folder)
        yield from _clock()
        if any(_exists(place) for place in PENDING):
            says = say("the system waits for a restart since its last update")
            yield Finding("machine.reboot", Severity.NOTE, says, say("restart it outside opening hours"))
        yield from _sleep()
        yield from _antivirus(folder)
        page = ctypes.windll.kernel32.GetACP()
        if page not in USUAL:
            says = say("this system's code page is {encoding}", encoding=f"cp{page}")
            yield Finding(
                "machine.code-page", Severity.NOTE, says, say("files of the EMR are read in their own encoding")
            )

    def _account() -> Iterator[Finding]:
        if account().casefold() in {"system", "système"}:
            says = say("the agent would run as LocalSystem: it needs no such rights")
            yield Finding(
                "machine.account", Severity.NOTE, says, say("give the service the account NT SERVICE\\Creneau")
            )

    def _vault(folder: Path) -> Iterator[Finding]:
        if (folder / "vault.dpapi").exists():
            yield Finding(
                "machine.vault", Severity.OK, say("the vault's key is sealed to this machine by Windows (DPAPI)")
            )
        else:
            says = say("the vault's key lies in the data folder: whoever copies the folder opens the vault")
            yield Finding(
                "machine.vault", Severity.NOTE, says, say("creneau init makes a sealed one; or encrypt the disk")
            )

    def _clock() -> Iterator[Finding]:
        try:
            state = win32serviceutil.QueryServiceStatus("W32Time")[1]
        except win32service.error:
            state = 0
        start = _value(r"SYSTEM\CurrentControlSet\Services\W32Time", "Start")
        if start == DISABLED or state == 0:
            says = say("no time synchronisation is seen to run")
            yield Finding("machine.clock-service", Severity.NOTE, says, say("turn on time synchronisation"))

    def _sleep() -> Iterator[Finding]:
        idle = _standby_s()
        if idle:
            says = say("this machine goes to sleep after {minutes} min", minutes=idle // 60)
            yield Finding("machine.sleep", Severity.WARN, says, say("powercfg /change standby-timeout-ac 0"))
        if _value(rf"{SESSION}\Power", "HiberbootEnabled") == 1:
            says = say("fast startup is on: shutting down only puts the system to sleep")
            yield Finding("machine.fast-startup", Severity.NOTE, says, say("powercfg /hibernate off"))

    def _antivirus(folder: Path) -> Iterator[Finding]:
        if not _exists(DEFENDER) or _value(DEFENDER, "DisableAntiSpyware") == 1:
            return
        if _value(rf"{DEFENDER}\Exclusions\Paths", str(folder)) is None:
            says = say("the antivirus {name} is installed", name="Microsoft Defender")
            hint = say("exclude {folder} from its scans: a scanned journal is slow, or locked", folder=str(folder))
            yield Finding("machine.antivirus", Severity.NOTE, says, hint)

    def account() -> str:
        """Return the account the work is done as; a service account has no profile to ask."""
        return str(win32api.GetUserName())

    def listener(port: int) -> str:
        """Return the process that listens on a TCP port, "" when there is none (GetExtendedTcpTable)."""
        size = ctypes.c_ulong(0)
        table = ctypes.windll.iphlpapi.GetExtendedTcpTable
        listeners, ipv4 = 3, 2  # TCP_TABLE_OWNER_PID_LISTENER, AF_INET
        table(None, ctypes.byref(size), False, ipv4, listeners, 0)
        room = (ctypes.c_ulong * (size.value // 4 + 1))()
        if table(room, ctypes.byref(size), False, ipv4, listeners, 0) != 0:
            return ""
        for n in range(room[0]):  # rows of six: state, address, port (network order), remote address and port, process
            _, _, raw, _, _, process = room[1 + 6 * n : 7 + 6 * n]
            if ((raw & 0xFF) << 8 | (raw >> 8) & 0xFF) == port:
                return f"pid {process}"
        return ""

    def _standby_s() -> int:
        """Return after how many seconds on mains power Windows sleeps; 0 = never, or it cannot be asked."""
        subgroup = (ctypes.c_ubyte * 16)(*_guid("238c9fa8-0aad-41ed-83f4-97be242c8f20"))
        timeout = (ctypes.c_ubyte * 16)(*_guid("29f6c1db-86da-48c5-9fdb-f2b67b1f44da"))
        scheme, value = ctypes.c_void_p(), ctypes.c_ulong(0)
        with suppress(OSError, AttributeError):
            power = ctypes.windll.powrprof
            if power.PowerGetActiveScheme(None, ctypes.byref(scheme)) == 0 and scheme.value:
                power.PowerReadACValueIndex(None, scheme, subgroup, timeout, ctypes.byref(value))
        return int(value.value)

    def _guid(text: str) -> bytes:
        from uuid import UUID

        return UUID(text).bytes_le

    def _exists(place: str) -> bool:
        try:
            winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, place).Close()
        except OSError:
            return False
        return True

    def _value(place: str, name: str) -> object:
        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, place) as key:
                return winreg.QueryValueEx(key, name)[0]
        except OSError:
            return None
