"""The example file, two adapters to read it for, and a place to write it."""

from datetime import timedelta
from pathlib import Path

from agent.ports import Entry, Option

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "config.example.toml").read_text(encoding="utf-8")
ENTRIES = {
    "sql": Entry(
        "x:y",
        "",
        (
            Option("mapping", str, "oscar", "m"),
            Option("connection", str, ..., "c"),
            Option("user", str, "", "u"),
            Option("long_codes", ("ask", "one-cell"), "ask", "l"),
            Option("holidays", ("closed", "open"), "closed", "h"),
        ),
        True,
    ),
    "rest": Entry(
        "x:z",
        "",
        (
            Option("connection.server", str, ..., "s"),
            Option("connection.page", int, 50, "p"),
            Option("folder", Path, Path("in"), "f"),
            Option("wait", timedelta, timedelta(seconds=5), "w"),
            Option("strict", bool, True, "b"),
            Option("headers", dict, {}, "d"),
        ),
        True,
    ),
}


def write(folder: Path, text: str | bytes, name: str = "creneau.toml") -> Path:
    file = folder / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file
