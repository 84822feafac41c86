"""The service under Windows: installed, started, stopped and asked through the service control manager.

Rule: the service API and numbers only; what `sc` and `net` print depends on the language Windows speaks.
"""

import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from agent.core.errors import Misconfigured, Transient
from agent.core.message import Message, say
from agent.service.model import NAME, State, Status

if sys.platform == "win32":  # pragma: no cover - run under Wine
    import winreg

    import pywintypes
    import win32process
    import win32service
    import win32serviceutil

    LONGEST_S = 60
    AFTER_MS, COUNT_S = 60_000, 86_400
    HOST = "agent.service.host.Creneau"
    ACCOUNT = r"NT AUTHORITY\LocalService"
    EVENTS = r"SYSTEM\CurrentControlSet\Services\EventLog\Application\Creneau"
    _ABSENT, _DENIED, _LATE, _RUNS, _STOPPED, _STOPPING = 1060, 5, 1053, 1056, 1062, 1061
    _STATES = {
        win32service.SERVICE_STOPPED: State.STOPPED,
        win32service.SERVICE_START_PENDING: State.STARTING,
        win32service.SERVICE_STOP_PENDING: State.STOPPING,
        win32service.SERVICE_RUNNING: State.RUNNING,
    }

    class Windows:
        """Speaks to the service control manager."""

        def __init__(self, config: Path) -> None:
            self._config = config

        def install(self) -> None:
            """Make the service known, to start with Windows, come back after a failure and log events; idempotent."""
            doing = say("install the service")
            try:
                if self.status().state is State.ABSENT:
                    win32serviceutil.InstallService(
                        HOST,
                        NAME.capitalize(),
                        "Créneau",
                        startType=win32service.SERVICE_AUTO_START,
                        userName=ACCOUNT,
                        exeName=str(Path(sys.executable).with_name("pythonservice.exe")),
                        delayedstart=True,
                    )
                recover()
                _note_events()
            except pywintypes.error as error:
                raise _fault(doing, error) from error

        def start(self) -> None:
            """Start and wait until the agent works."""
            doing = say("start the service")
            if not self._config.exists():
                raise Misconfigured(
                    doing, say("the file does not exist"), say("creneau init writes one"), file=str(self._config)
                )
            try:
                self._begin()
            except pywintypes.error as error:
                raise _fault(doing, error) from error
            self._settle(doing, State.RUNNING)

        @staticmethod
        def _begin() -> None:
            """Ask for the start; once more when Windows lost patience: a cold disk is slower than its 30 s."""
            for last in (False, True):
                try:
                    win32serviceutil.StartService(NAME)
                except pywintypes.error as error:
                    if error.winerror == _LATE and not last:
                        continue
                    if error.winerror != _RUNS:
                        raise
                return

        def stop(self) -> None:
            """Stop and wait until it has, and its process too: until then Windows holds the program's files."""
            doing = say("stop the service")
            process = 0
            try:
                process = _process()
                win32serviceutil.StopService(NAME)
            except pywintypes.error as error:
                if error.winerror not in {_STOPPED, _STOPPING}:
                    raise _fault(doing, error) from error
            self._settle(doing, State.STOPPED)
            ends = time.monotonic() + LONGEST_S
            while process and process in win32process.EnumProcesses():
                if time.monotonic() > ends:
                    says = say("the service did not come there: {state}", state=State.STOPPING.value)
                    raise Transient(doing, says, say("creneau check; the log: Event Viewer, Application, Creneau"))
                time.sleep(0.1)

        def status(self) -> Status:
            """Return how it is."""
            try:
                state = win32serviceutil.QueryServiceStatus(NAME)
                held = _open(win32service.SERVICE_QUERY_CONFIG)
            except pywintypes.error:
                return Status(State.ABSENT, automatic=False)
            try:
                config = win32service.QueryServiceConfig(held)
            finally:
                win32service.CloseServiceHandle(held)
            stopped = _STATES.get(state[1], State.STOPPED)
            if stopped is State.STOPPED and state[3] not in (0, 1077):  # 1077: never started since Windows did
                stopped = State.FAILED
            return Status(stopped, automatic=config[1] == win32service.SERVICE_AUTO_START, account=str(config[7]))

        def uninstall(self) -> None:
            """Stop it and make it unknown."""
            if self.status().state is State.ABSENT:
                return
            with suppress(Transient):
                self.stop()
            try:
                win32serviceutil.RemoveService(NAME)
                with suppress(OSError):
                    winreg.DeleteKey(winreg.HKEY_LOCAL_MACHINE, EVENTS)
            except pywintypes.error as error:
                raise _fault(say("uninstall the service"), error) from error

        def _settle(self, doing: Message, wanted: State) -> None:
            """Wait for a state: the manager answers before the service has come there."""
            ends = time.monotonic() + LONGEST_S
            while (found := self.status().state) is not wanted:
                if found is State.FAILED or (wanted is State.RUNNING and found is State.STOPPED):
                    break
                if time.monotonic() > ends:
                    break
                time.sleep(0.2)
            if found is not wanted:
                says = say("the service did not come there: {state}", state=found.value)
                raise Transient(doing, says, say("creneau check; the log: Event Viewer, Application, Creneau"))

    def recover() -> None:
        """Restart after a minute, three times, the count beginning anew after a day; also after an orderly failure.

        And give the service a name of its own in the rights of files: the data folder is opened to it alone.
        """
        held = _open(win32service.SERVICE_ALL_ACCESS)
        try:
            restart = (win32service.SC_ACTION_RESTART, AFTER_MS)
            actions = {"ResetPeriod": COUNT_S, "RebootMsg": "", "Command": "", "Actions": [restart] * 3}
            win32service.ChangeServiceConfig2(held, win32service.SERVICE_CONFIG_FAILURE_ACTIONS, actions)
            for what, value in (
                (win32service.SERVICE_CONFIG_FAILURE_ACTIONS_FLAG, True),
                (win32service.SERVICE_CONFIG_SERVICE_SID_INFO, win32service.SERVICE_SID_TYPE_UNRESTRICTED),
            ):
                with suppress(pywintypes.error):  # Wine knows neither
                    win32service.ChangeServiceConfig2(held, what, value)
        finally:
            win32service.CloseServiceHandle(held)

    def _open(access: int) -> Any:
        manager = win32service.OpenSCManager(None, None, win32service.SC_MANAGER_CONNECT)
        try:
            return win32service.OpenService(manager, NAME, access)
        finally:
            win32service.CloseServiceHandle(manager)

    def _process() -> int:
        """Return the process the service runs in; 0: none."""
        held = _open(win32service.SERVICE_QUERY_STATUS)
        try:
            status: Any = win32service.QueryServiceStatusEx(held)  # a dict, whatever the types' stubs say
            return int(status["ProcessId"])
        finally:
            win32service.CloseServiceHandle(held)

    def _note_events() -> None:
        """Name our messages' file to the Event Viewer: pywin32's own, whose one message is the text it is given."""
        import win32evtlogutil

        win32evtlogutil.AddSourceToRegistry("Creneau", win32serviceutil.LocatePythonServiceExe(), "Application")

    def _fault(doing: Message, error: "pywintypes.error") -> Misconfigured | Transient:
        if error.winerror == _DENIED:
            hint = say("run the command as an administrator or as the service's account")
            return Misconfigured(doing, say("this account may not do this"), hint)
        if error.winerror == _ABSENT:
            return Misconfigured(doing, say("the service is not installed"), say("creneau service install"))
        says = say("Windows answers with code {code}", code=error.winerror)
        return Transient(doing, says, say("creneau check; the log: Event Viewer, Application, Creneau"))
