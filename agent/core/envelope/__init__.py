"""Sign and open what travels: compact JWS (RFC 7515, Ed25519 of RFC 9864) and JWE (RFC 7516).

Rule: the only package that uses a JOSE library, and nothing is believed before its signature holds.
"""

from agent.core.envelope.enrolment import (
    Applicant,
    Code,
    Enrolled,
    agent_proof,
    enrol_body,
    enrolled_body,
    fingerprint,
    hub_proof,
    open_enrol,
    open_enrolled,
    read_code,
    same_proof,
)
from agent.core.envelope.exchange import FRESH, LIFE, addressee, answer, open_answer, open_request, seal
from agent.core.envelope.keys import import_jwk, is_small_order, jwks, key_set, named, public_jwk, thumbprint
from agent.core.envelope.orders import NEVER, open_order, resign_order, sign_order
from agent.core.envelope.problems import Barred, Declined, Postponed, believe, clamped, raise_for_problem
from agent.core.envelope.release import RELEASE_LIFE, Release, dotted, is_newer, open_release, release_line
from agent.core.envelope.rotation import next_key, open_next
from agent.core.envelope.sealed import (
    Statement,
    open_statement,
    seal_patient,
    sealed_hash,
    sealed_to,
    statement,
    unseal,
)
from agent.core.envelope.shapes import UNKNOWN, Envelope, KeySet, Opened, Rejected
from agent.core.envelope.signed import Verified, jws_hash, parties, payload_hash, peek, recall, sign, split, verify
from agent.core.envelope.turnover import follow, open_turnover, turn_over
from agent.core.envelope.turns import turn_given

__all__ = [
    "FRESH",
    "LIFE",
    "NEVER",
    "RELEASE_LIFE",
    "UNKNOWN",
    "Applicant",
    "Barred",
    "Code",
    "Declined",
    "Enrolled",
    "Envelope",
    "KeySet",
    "Opened",
    "Postponed",
    "Rejected",
    "Release",
    "Statement",
    "Verified",
    "addressee",
    "agent_proof",
    "answer",
    "believe",
    "clamped",
    "dotted",
    "enrol_body",
    "enrolled_body",
    "fingerprint",
    "follow",
    "hub_proof",
    "import_jwk",
    "is_newer",
    "is_small_order",
    "jwks",
    "jws_hash",
    "key_set",
    "named",
    "next_key",
    "open_answer",
    "open_enrol",
    "open_enrolled",
    "open_next",
    "open_order",
    "open_release",
    "open_request",
    "open_statement",
    "open_turnover",
    "parties",
    "payload_hash",
    "peek",
    "public_jwk",
    "raise_for_problem",
    "read_code",
    "recall",
    "release_line",
    "resign_order",
    "same_proof",
    "seal",
    "seal_patient",
    "sealed_hash",
    "sealed_to",
    "sign",
    "sign_order",
    "split",
    "statement",
    "thumbprint",
    "turn_given",
    "turn_over",
    "unseal",
    "verify",
]
