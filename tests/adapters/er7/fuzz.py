"""Throw bytes at the reader, guided by coverage: python -m tests.adapters.er7.fuzz SECONDS (Linux, atheris).

Ends with an error and keeps the bytes when something other than Unread is raised, or a time is made up.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["adapters.er7"]):
    from tests.adapters.er7.mutate import bodies, holds


def once(data: bytes) -> None:
    """Try one input, as a message and as a file."""
    holds(data)
    for body in bodies(data):
        holds(body)


def main(seconds: str) -> None:
    """Begin from the collection; what is found stays in a folder that is named at the end."""
    seeds = Path(__file__).with_name("messages")
    with tempfile.TemporaryDirectory() as corpus:
        found = tempfile.mkdtemp(prefix="hl7-fuzz-")
        words = Path(corpus) / "words"
        names = (
            "MSH|^~\\\\&|",
            "SCH|",
            "TQ1|",
            "AIS|",
            "AIG|",
            "AIL|",
            "AIP|",
            "RGS|",
            "SIU^S12",
            "UNICODE UTF-8",
            "8859/1",
        )
        words.write_text("".join(f'"{name}"\n' for name in names), encoding="utf-8")
        grown = Path(corpus) / "grown"
        grown.mkdir()
        options = [f"-max_total_time={seconds}", f"-artifact_prefix={found}/", f"-dict={words}", "-max_len=4096"]
        atheris.Setup([sys.argv[0], *options, str(grown), str(seeds)], once)
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "60")
