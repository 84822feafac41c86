"""The conformance kit on the HL7 adapter, against EMRs of different manners."""

from functools import partial

from adapters import conformance
from adapters.hl7v2.bench import ENQUIRED, Hl7Bench
from adapters.hl7v2.scripted import Manners

LACKS = {"fenced", "moves", "tombstone"}
"""A message cannot be made conditional, and nothing says of a number that it was cancelled before it came."""

test_an_emr_that_keeps_our_number = conformance.suite(Hl7Bench, lacks=LACKS)
test_an_emr_that_moves_what_it_holds = conformance.suite(
    partial(Hl7Bench, options={**ENQUIRED, "srm.moves": True}), lacks=LACKS - {"moves"}
)
test_an_emr_that_answers_late = conformance.suite(partial(Hl7Bench, manners=Manners(late=True)), lacks=LACKS)
test_an_emr_that_tells_nothing_of_our_requests = conformance.suite(
    partial(Hl7Bench, options={"srm.placer": "kept", "srm.enquiry": "mirror"}), lacks=LACKS
)
test_an_emr_that_forgets_our_number = conformance.suite(
    partial(Hl7Bench, options={"srm.enquiry": "none"}, manners=Manners(keeps=False)), lacks=LACKS
)
test_an_emr_that_takes_no_requests = conformance.suite(partial(Hl7Bench, options={}), lacks={"books"})
