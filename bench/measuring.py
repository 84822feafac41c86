"""What every bench measures with: the disk's own speed, a patient wait, a process's memory and CPU."""

import os
import statistics
import time
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")
TICK = os.sysconf("SC_CLK_TCK")


def fdatasync_ms(folder, times=40):
    """Return the median of a 4 kB append + fdatasync."""
    with (folder / "sync").open("wb") as file:
        spent = []
        for _ in range(times):
            file.write(os.urandom(4096))
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            spent.append(time.perf_counter() - began)
    return statistics.median(spent) * 1e3


def until(ready, seconds=30.0):
    """Return the first true answer; end the bench when it does not come."""
    ends = time.perf_counter() + seconds
    while not (found := ready()):
        if time.perf_counter() > ends:
            raise SystemExit("did not come in time")
        time.sleep(0.002)
    return found


def rss_mb(pid):
    """Return the resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 1e6


def cpu_s(pid):
    """Return the CPU time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK
