"""The HL7 tools of the command line, over the parts of the adapter.

Rule: they touch neither the agent's state nor its sources; a trial is not a booking.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from agent.clock import SystemClock, SystemDice
from agent.core.errors import CreneauError, Misconfigured
from agent.core.message import say
from agent.core.model import SiteId
from agent.ports import SitePart, Stop


def explain(file: Path, zone: str, time_from: str, unit: str) -> list[Mapping[str, Any]]:
    """Return {code, lines: [{place, text, says}]} for each message of a file. Raises Misconfigured when unreadable."""
    from adapters.er7 import Terms
    from adapters.hl7v2.explain import explain as tell

    terms = Terms((SitePart(SiteId("-"), zone),), time_from, {"minutes": "m", "seconds": "s"}.get(unit, ""))
    return [
        {
            "code": each.code,
            "lines": [{"place": one.place, "text": one.text, "says": one.says} for one in each.lines],
        }
        for each in tell(_data(file), terms, SystemClock().now().utc)
    ]


def send(file: Path, where: str, wait: timedelta) -> Iterator[tuple[str, str]]:
    """Send each message of a file, one after the other; yield its number and the answer's word."""
    from adapters.er7 import head, messages
    from adapters.hl7v2.sender import Sender, Towards
    from adapters.hl7v2.settings import address

    host, port = address(where, "where")
    sender = Sender(Towards(host, port, wait))
    try:
        for body in messages(_data(file)):
            yield head(body).text(10), sender.ask(body)[0].word
    finally:
        sender.close()


def listen(folder: Path, where: str, heard: Callable[[bytes, bytes], None], stop: Stop) -> None:
    """Take messages in, store each as a file, then answer; `heard` is told of both, after. Runs until stop."""
    from adapters.er7 import Terms
    from adapters.hl7v2.foldered import Foldered
    from adapters.hl7v2.intake import Intake
    from adapters.hl7v2.listener import Listener
    from adapters.hl7v2.settings import address

    host, port = address(where, "where")
    terms = Terms((SitePart(SiteId("-"), "America/Toronto"),))
    intake = Intake(Foldered(folder), terms, SystemClock(), SystemDice())

    def take(body: bytes) -> bytes:
        reply = intake.take(body)
        heard(body, reply)
        return reply

    listener = Listener(host, port, take)
    server = listener.bind()
    heard(b"", f"{host}:{server.getsockname()[1]}".encode())
    listener.serve(server, stop)


def summary(body: bytes, reply: bytes) -> tuple[str, str]:
    """Return event and answer of what was taken in, without a word of its content."""
    from adapters.hl7v2.ack import read_ack, refusal
    from adapters.hl7v2.mllp import Framer

    msh = refusal(body)
    words = []
    for answer in Framer().feed(reply):
        try:
            words.append(read_ack(answer).word)
        except CreneauError:
            continue
    return f"{msh.text(9)}^{msh.text(9, 2)} {msh.text(10)}", "+".join(words) or "-"


def _data(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as cause:
        hint = say("check the path")
        raise Misconfigured(say("read the file"), say("the file cannot be read"), hint, file=str(file)) from cause
