"""Rights as a mapping file writes them: "SELECT (id, name) ON patient".

Rule: plain words only; nothing of the file reaches a GRANT that this pattern does not know.
"""

import re

_RIGHT = re.compile(
    r"(?P<rights>(?:SELECT|INSERT|UPDATE|DELETE|USAGE)(?: ?\([A-Za-z0-9_, ]+\))?"
    r"(?:, ?(?:SELECT|INSERT|UPDATE|DELETE)(?: ?\([A-Za-z0-9_, ]+\))?)*) ON (?P<table>(?:SEQUENCE )?[A-Za-z0-9_.]+)"
)


def right(line: str) -> tuple[str, str] | None:
    """Return ("SELECT (id, name)", "patient"); None for what is no such line."""
    found = _RIGHT.fullmatch(" ".join(line.split()))
    return (found["rights"], found["table"]) if found else None
