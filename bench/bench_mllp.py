"""MLLP intake with the acknowledgment after the commit, beside peers that store nothing, in one run.

Ours is the real listener over the real journal (synced group commit); simple-hl7, @medplum/hl7 and python-hl7 only parse
and answer. The load shares the machine's cores. Absolute figures swing; read the ratios and the disk's own sync rate.
Run: python bench/bench_mllp.py
"""

import asyncio
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from measuring import cpu_s, fdatasync_ms, rss_mb

HERE = Path(__file__).resolve()
ROOT = HERE.parents[1]
MODULES = Path(os.environ.get("CRENEAU_HL7_PEERS") or Path(sys.prefix) / "hl7-peers") / "node_modules"
ROUNDS, SECONDS = 5, 2.0
MESSAGE = (
    "MSH|^~\\&|EMR|CLINIQUE|CRENEAU|CLINIQUE|20270101120000||SIU^S12^SIU_S12|{number}|P|2.5\r"
    "SCH|P{number}|F{number}||||||SUIVI^Suivi|30|min|^^30^20270315090000^20270315093000|||||70^Essai^Alice||||70^Essai|||||Booked\r"
    "TQ1|1||||||20270315090000|20270315093000|||||30^min\r"
    "NTE|1||" + "x" * 120 + "\r"
    "PID|1||70321^^^CL^MR||Modele^Rose^B||19790403|F|||9 rue du Conte^^Ville-Test^QC^H0H0H0||4185550123|||S\r"
    "PV1|1|O|||||1^Modele^Rose^B^MD|2^Essai^Luc^C^MD\r"
    "RGS|1|A\rAIG|1|A|1^Modele, Rose|D\rAIL|1|A|CLIN^^^CLIN|^Clinique||20270315090000|||30|min||Booked\r"
    "AIP|1|A|1^Modele^Rose^B^MD|D||20270315090000|||30|min||Booked\r"
)


def ours(folder):
    """Start the real intake; return the process and its port."""
    program = ROOT / "tests" / "adapters" / "hl7v2" / "killed.py"
    return _started([sys.executable, program, folder, "0", secrets.token_hex(32)])


def node(who):
    """Return how to start a node peer."""
    script = ROOT / "tests" / "adapters" / "hl7v2" / "peers" / "peer.cjs"
    return lambda _folder: _started(["node", script, who, "serve"], NODE_PATH=str(MODULES))


def python_hl7(_folder):
    """Start python-hl7's own server."""
    return _started([sys.executable, HERE, "python-hl7"])


def _started(command, **env):
    process = subprocess.Popen(
        [str(word) for word in command], stdout=subprocess.PIPE, text=True, env={**os.environ, **env}
    )
    port = int(process.stdout.readline().split()[-1])
    threading.Thread(target=process.stdout.read, daemon=True).start()
    return process, port


async def serve_python_hl7():
    """Answer every message as its documentation shows."""
    import warnings

    from hl7.mllp import start_hl7_server

    warnings.simplefilter("ignore")

    async def talk(reader, writer):
        try:
            while not writer.is_closing():
                message = await reader.readmessage()
                writer.writemessage(message.create_ack())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return

    server = await start_hl7_server(talk, host="127.0.0.1", port=0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


def load(port, connections, seconds, base):
    """One message under way on each connection; print count, p50 and p99 in ms, and errors."""
    took, errors = [], []
    ends = time.perf_counter() + seconds

    def talk(first):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number = first
        while time.perf_counter() < ends:
            number += 1
            data = b"\x0b" + MESSAGE.format(number=number).encode() + b"\x1c\r"
            began = time.perf_counter()
            sock.sendall(data)
            got = b""
            while not got.endswith(b"\x1c\r"):
                piece = sock.recv(65536)
                if not piece:
                    errors.append("gone")
                    return
                got += piece
            took.append(time.perf_counter() - began)
            if f"|{number}".encode() not in got:
                errors.append("number")
        sock.close()

    threads = [threading.Thread(target=talk, args=(base + n * 10**7,)) for n in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took.sort()
    print(len(took), took[len(took) // 2] * 1e3, took[int(len(took) * 0.99)] * 1e3, len(errors))


def row(port, connections, base):
    """Return msg/s, p50, p99 and errors of one load in a process of its own."""
    command = [sys.executable, HERE, "load", str(port), str(connections), str(SECONDS), str(base)]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True)
    count, p50, p99, errors = done.stdout.split()
    return int(count) / SECONDS, float(p50), float(p99), int(errors)


def main():
    """Interleave the servers, round by round, and print one line a row."""
    servers = {"creneau, synced before the ACK": ours}
    if (MODULES / "simple-hl7").exists():
        servers |= {"simple-hl7, no store": node("simple"), "@medplum/hl7, no store": node("medplum")}
    servers["python-hl7, no store"] = python_hl7
    figures = {}
    with tempfile.TemporaryDirectory() as top:
        running = {}
        for name, start in servers.items():
            folder = Path(top) / str(len(running))
            folder.mkdir()
            running[name] = start(folder)
        syncs = []
        for turn in range(ROUNDS):
            for connections in (1, 8):
                for place, (name, (process, port)) in enumerate(running.items()):
                    syncs.append(fdatasync_ms(Path(top)))
                    before = cpu_s(process.pid)
                    rate, p50, p99, errors = row(port, connections, (turn * 100 + place * 10 + connections) * 10**9)
                    cpu = (cpu_s(process.pid) - before) / max(rate * SECONDS, 1) * 1e6
                    sync = 1e3 / syncs[-1]
                    figures.setdefault((name, connections), []).append((rate, p50, p99, errors, cpu, rate / sync))
        sizes = {name: rss_mb(process.pid) for name, (process, _) in running.items()}
        for process, _ in running.values():
            process.kill()
            process.wait()
    disk = statistics.median(syncs)
    print(
        f"disk: fdatasync of 4 kB, median {disk:.2f} ms = {1e3 / disk:.0f}/s; message {len(MESSAGE)} bytes; load {os.getloadavg()[0]:.1f}"
    )
    for (name, connections), found in figures.items():
        rate, p50, p99, _, cpu, ratio = (statistics.median(column) for column in zip(*found, strict=True))
        failed = sum(one[3] for one in found)
        every = " ".join(f"{one[0]:.0f}" for one in found)
        print(
            f"{name:32} conns={connections}  x{ratio:5.2f} disk syncs  {rate:6.0f} msg/s  p50 {p50:5.2f} p99 {p99:6.2f} ms"
            f"  cpu {cpu:4.0f} us  rss {sizes[name]:3.0f} MB  errors {failed}  all [{every}]"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["load"]:
        load(int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]))
    elif sys.argv[1:2] == ["python-hl7"]:
        asyncio.run(serve_python_hl7())
    else:
        main()
