"""Start, idle cost and order-to-outcome of one agent on the sample clinic, each beside a limit of the same run."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measuring import cpu_s, fdatasync_ms, rss_mb, until

from agent.wiring.sample import CLINIC, Sample

PATIENT = {
    "family": "Tremblay",
    "given": "Rosalie",
    "born": "1991-04-12",
    "nam": "TRER91541218",
    "phone": "418 555-0187",
}
ORDERS = 60
IDLE_S = 20


def agent_process(sample: Sample) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "agent", "--config", str(sample.file), "run"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def measure(sample: Sample, folder: Path) -> None:
    sample.enrol()
    began = time.perf_counter()
    process = agent_process(sample)
    until(sample.portal.slots)
    start = time.perf_counter() - began
    bare_began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import typer, httpx, apsw, keyring, joserfc, apscheduler"], check=True)
    bare = time.perf_counter() - bare_began
    print(f"start to first publication  x{start / bare:.1f} bare imports  {start:.2f} s  (limit 2 s)")

    latencies = []
    for n in range(ORDERS):
        slot = sample.portal.slots()[-1]
        name = f"bench-order-{n}"
        sealed_at = time.perf_counter()
        sample.portal.book(CLINIC, name, 1, slot["id"], PATIENT, now=sample.time())
        until(lambda name=name: sample.portal.outcome(CLINIC, name)[1])
        latencies.append((time.perf_counter() - sealed_at) * 1e3)
    latencies.sort()
    sync = fdatasync_ms(folder)
    p50, p95 = latencies[len(latencies) // 2], latencies[int(len(latencies) * 0.95)]
    print(
        f"order to outcome            x{p50 / sync:.0f} fdatasync  p50 {p50:.0f} ms  p95 {p95:.0f} ms  "
        f"(limit 500 ms)  fdatasync {sync:.2f} ms  n={ORDERS}, portal polling included"
    )

    time.sleep(2)
    before, at = cpu_s(process.pid), time.perf_counter()
    time.sleep(IDLE_S)
    share = (cpu_s(process.pid) - before) / (time.perf_counter() - at) * 100
    resident = rss_mb(process.pid)
    print(
        f"idle, poll {sample.poll.total_seconds():.0f} s              x{resident / 60:.2f} of 60 MB  {resident:.0f} MB  {share:.2f} % of a core (limit 0.5 %)"
    )
    process.terminate()
    process.wait(10)


def main() -> None:
    from datetime import timedelta

    for poll in (timedelta(seconds=1), timedelta(seconds=60)):
        print(f"poll = {poll.total_seconds():.0f} s")
        with tempfile.TemporaryDirectory() as name, Sample(Path(name), poll=poll) as sample:
            measure(sample, Path(name))


if __name__ == "__main__":
    main()
