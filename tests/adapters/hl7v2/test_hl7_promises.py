"""The conformance kit on the HL7 adapter, against EMRs of different manners."""

from functools import partial
from pathlib import Path

from adapters import conformance
from adapters.hl7v2.bench import ENQUIRED, Hl7Bench
from adapters.hl7v2.scripted import Manners
from agent.ports import Books

test_an_emr_that_keeps_our_number = conformance.suite(Hl7Bench)
test_an_emr_that_answers_late = conformance.suite(partial(Hl7Bench, manners=Manners(late=True)))
test_an_emr_that_tells_nothing_of_our_requests = conformance.suite(
    partial(Hl7Bench, options={"srm.placer": "kept", "srm.enquiry": "mirror"})
)
test_an_emr_that_forgets_our_number = conformance.suite(
    partial(Hl7Bench, options={"srm.enquiry": "none"}, manners=Manners(keeps=False))
)
test_an_emr_that_takes_no_requests = conformance.suite(partial(Hl7Bench, options={}))


def test_each_manner_has_the_abilities_it_should(tmp_path: Path) -> None:
    """A promise is left out because the EMR cannot, never because ours was lost."""
    booking = sum(one.needs == "books" for one in conformance.PROMISES)
    assert booking == 18
    for options, books in ((ENQUIRED, True), ({}, False)):
        bench = Hl7Bench(tmp_path, options)
        emr = bench.adapter()
        assert isinstance(emr, Books) is books
        emr.close()
        bench.close()
