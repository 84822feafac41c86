"""What pythonservice.exe loads: the agent as a Windows service.

Rule: thin: RUNNING is said only once the agent works, and an error flies, so that Windows counts a failure.
"""

import sys

sys.dont_write_bytecode = True  # nothing is written beside the program

if sys.platform == "win32":  # pragma: no cover - run under Wine
    import logging
    import os
    from typing import Any

    import servicemanager
    import win32event
    import win32service
    import win32serviceutil

    from agent.config import locate, read_plan

    SLICE_MS = 1000
    PATIENCE = 60
    """Slices a leg may hang: as long as systemd's watchdog waits; while a plan is exchanged none is alive."""
    STARTING_MS, STOPPING_MS = 90_000, 30_000

    class Events(logging.Handler):
        """Sends what an operator must see to the Event Log; nothing personal is ever logged."""

        def emit(self, record: logging.LogRecord) -> None:
            """Write one event: errors, warnings, and the start and stop of the agent."""
            text = self.format(record)
            if record.levelno >= logging.ERROR:
                servicemanager.LogErrorMsg(text)
            elif record.levelno >= logging.WARNING:
                servicemanager.LogWarningMsg(text)
            elif record.name == "creneau.agent":
                servicemanager.LogInfoMsg(text)

    class Creneau(win32serviceutil.ServiceFramework):
        """The service `Creneau`."""

        _svc_name_ = "Creneau"
        _svc_display_name_ = "Créneau"
        _svc_description_ = "Publie les plages choisies par la clinique, reprend les rendez-vous."

        def __init__(self, args: Any) -> None:
            super().__init__(args)
            self._asked = win32event.CreateEvent(None, True, False, None)

        def SvcRun(self) -> None:  # noqa: N802 - pywin32's name
            """Start, say RUNNING, wait for the end. pywin32's own says RUNNING before anything is tried."""
            self.ReportServiceStatus(win32service.SERVICE_START_PENDING, waitHint=STARTING_MS)
            file = locate(None, os.environ)
            if not file.exists():  # the installer starts us: nothing runs before the clinic has a file
                self.ReportServiceStatus(win32service.SERVICE_RUNNING)
                servicemanager.LogInfoMsg("creneau init")
                return
            from agent.wiring import start
            from agent.wiring.catalog import entries

            plan = read_plan(file, entries())
            _log(plan.service.log_level.upper(), plan.service.data_dir)
            running = start(plan)
            try:
                self.ReportServiceStatus(win32service.SERVICE_RUNNING)
                hangs = 0
                while win32event.WaitForSingleObject(self._asked, SLICE_MS) == win32event.WAIT_TIMEOUT:
                    hangs = 0 if running.alive() else hangs + 1
                    if hangs >= PATIENCE:
                        raise RuntimeError("a leg hangs: Windows starts the service again")
            finally:
                running.stop()

        def SvcStop(self) -> None:  # noqa: N802 - pywin32's name
            """Ask for the end; Windows is told how long it may take."""
            self.ReportServiceStatus(win32service.SERVICE_STOP_PENDING, waitHint=STOPPING_MS)
            win32event.SetEvent(self._asked)

        SvcShutdown = SvcStop

    def _log(level: str, folder: Any) -> None:
        """Log to a file of the data folder that is turned over, and what matters to the Event Log."""
        from logging.handlers import RotatingFileHandler

        file = RotatingFileHandler(
            folder / "creneau.log", maxBytes=4 << 20, backupCount=4, encoding="utf-8", delay=True
        )
        file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        logging.basicConfig(level=logging.WARNING, handlers=[file, Events()])
        logging.getLogger("creneau").setLevel(level)
