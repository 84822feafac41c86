"""The conformance kit on the HL7 adapter, against EMRs of different manners."""

from functools import partial

from adapters import conformance
from adapters.hl7v2.bench import ENQUIRED, Hl7Bench
from adapters.hl7v2.scripted import Manners

test_an_emr_that_keeps_our_number = conformance.suite(Hl7Bench)
test_an_emr_that_answers_late = conformance.suite(partial(Hl7Bench, manners=Manners(late=True)))
test_an_emr_that_tells_nothing_of_our_requests = conformance.suite(
    partial(Hl7Bench, options={"srm.placer": "kept", "srm.enquiry": "mirror"})
)
test_an_emr_that_forgets_our_number = conformance.suite(
    partial(Hl7Bench, options={"srm.enquiry": "none"}, manners=Manners(keeps=False))
)
test_an_emr_that_takes_no_requests = conformance.suite(partial(Hl7Bench, options={}))
assert ENQUIRED
