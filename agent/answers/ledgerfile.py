"""The ledger as a file: one JSON object a line, whole enough to be proved by anybody, anywhere.

Rule: a body stands there byte for byte, as text where it is text; nothing outside the file is needed to check it.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from agent.core.chain import FIRST, Line
from agent.core.errors import Refused
from agent.core.message import say
from agent.core.proof import Examiner, Proof
from agent.ports import LedgerLine

FORMAT = "creneau-ledger/1"


def header(clinic: str, before: int, previous: bytes) -> Mapping[str, Any]:
    """Return the first object of the file: where its chain begins."""
    return {"format": FORMAT, "clinic": clinic, "before": before, "previous": previous.hex()}


def written(line: Line) -> Mapping[str, Any]:
    """Return one line as an object: {n, at, kind, who, body or body_b64, hash}."""
    try:
        body: Mapping[str, str] = {"body": line.body.decode("utf-8")}
    except UnicodeDecodeError:
        body = {"body_b64": base64.b64encode(line.body).decode()}
    return {
        "n": line.n,
        "at": line.at.isoformat(timespec="microseconds"),
        "kind": line.kind,
        "who": line.who,
        **body,
        "hash": line.hash.hex(),
    }


def read_back(found: Mapping[str, Any]) -> LedgerLine:
    """Return the line of `written`; raises KeyError, TypeError or ValueError for anything else."""
    body = base64.b64decode(found["body_b64"]) if "body_b64" in found else str(found["body"]).encode()
    return LedgerLine(
        int(found["n"]),
        datetime.fromisoformat(found["at"]),
        str(found["kind"]),
        str(found["who"]),
        body,
        bytes.fromhex(found["hash"]),
    )


def examine(texts: Iterable[str]) -> Proof:
    """Prove a file, line by line; Refused(reason="format") when it is not one of ours or a line cannot be read."""
    lines = iter(enumerate(texts, 1))
    number, text = next(lines, (0, ""))
    try:
        examiner = _begun(json.loads(text))
        for number, text in lines:  # noqa: B007 - named in the error
            examiner.take([read_back(json.loads(text))])
    except (ValueError, KeyError, TypeError) as cause:
        raise Refused(
            say("read the exported ledger"),
            say("line {n} of the file cannot be read", n=number),
            say("export it again: creneau ledger export"),
            reason="format",
        ) from cause
    return examiner.proof


def _begun(head: Mapping[str, Any]) -> Examiner:
    if head["format"] != FORMAT:
        raise ValueError(FORMAT)
    return Examiner(bytes.fromhex(head["previous"]), int(head["before"]))


def dump(objects: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Return the file's lines."""
    return (json.dumps(one, ensure_ascii=False, separators=(",", ":")) + "\n" for one in objects)


__all__ = ["FIRST", "FORMAT", "dump", "examine", "header", "read_back", "written"]
