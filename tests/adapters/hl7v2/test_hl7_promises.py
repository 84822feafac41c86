"""The conformance kit on the HL7 adapter, against EMRs of different manners."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from adapters import conformance
from adapters.hl7v2 import Hl7Emr
from adapters.hl7v2.bench import ENQUIRED, Hl7Bench
from adapters.hl7v2.book import Hl7Booker
from adapters.hl7v2.scripted import Manners
from agent.core.booking import Effect, Write
from agent.core.errors import Ambiguous

LACKS = {"fenced", "moves", "tombstone"}
"""A message cannot be made conditional, and nothing says of a number that it was cancelled before it came."""
TURNS = 4
"""What a write without any answer may need: it, its undoing, and a look after each."""


class Unanswered(Hl7Bench):
    """An EMR that does what it is asked and answers nothing; the agent goes on by notices, as its apply leg does."""

    def __init__(self, folder: Path) -> None:
        options = {"srm.enquiry": "mirror", "srm.placer": "kept", "srm.wait": timedelta(milliseconds=150)}
        super().__init__(folder, options, Manners(answers=False))

    def adapter(self) -> Hl7Emr:
        """Return it, led."""
        return led(self, super().adapter(), lambda: None)

    def between(self, act: Callable[[], None]) -> Hl7Emr:
        """Return it, led; the desk acts while the answer is waited for."""
        acts = [act]
        return led(self, super().adapter(), lambda: acts.pop()() if acts else None)

    @contextmanager
    def failing(self) -> Iterator[Hl7Emr]:
        """Return it before an EMR that does not even listen: one that answers nothing cannot say no."""
        emr = super().adapter()
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            assert isinstance(emr, Hl7Booker)
            emr._sender.to = replace(emr._sender.to, port=closed.getsockname()[1])
            yield emr


def led(bench: Hl7Bench, emr: Hl7Emr, waiting: Callable[[], None]) -> Hl7Emr:
    """Look for what became of a write without an answer, then ask for it again."""
    assert isinstance(emr, Hl7Booker)
    plain = emr.write

    def write(asked: Write) -> Effect:
        for _ in range(TURNS):
            heard = len(bench.emr.heard)
            try:
                return plain(asked)
            except Ambiguous:
                bench.emr.obeyed(heard + 1)  # a busy machine's EMR may be later than we are patient
                waiting()
                emr.find(asked.booking)
        raise AssertionError("never settled")

    emr.write = write  # type: ignore[method-assign]
    return emr


test_an_emr_that_keeps_our_number = conformance.suite(Hl7Bench, lacks=LACKS)
test_an_emr_that_moves_what_it_holds = conformance.suite(
    partial(Hl7Bench, options={**ENQUIRED, "srm.moves": True}), lacks=LACKS - {"moves"}
)
test_an_emr_that_answers_late = conformance.suite(partial(Hl7Bench, manners=Manners(late=True)), lacks=LACKS)
test_an_emr_that_never_answers = conformance.suite(Unanswered, lacks=LACKS)
test_an_emr_that_tells_nothing_of_our_requests = conformance.suite(
    partial(Hl7Bench, options={"srm.placer": "kept", "srm.enquiry": "mirror"}), lacks=LACKS
)
test_an_emr_that_forgets_our_number = conformance.suite(
    partial(Hl7Bench, options={"srm.enquiry": "none"}, manners=Manners(keeps=False)), lacks=LACKS
)
test_an_emr_that_takes_no_requests = conformance.suite(partial(Hl7Bench, options={}), lacks={"books"})
