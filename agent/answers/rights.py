"""Who may ask what, by the group of the account that asks.

Rule: a verb not named here is for administrators only.
"""

from collections.abc import Mapping

from agent.door import Peer

MANAGERS = "creneau-gestion"
FRONT_DESK = "creneau-accueil"
ANYONE = ""

NEEDS: Mapping[str, str] = {
    "status": ANYONE,
    "preview": MANAGERS,
    "explain": MANAGERS,
    "exposure": MANAGERS,
    "sharing-show": MANAGERS,
    "sharing-diff": MANAGERS,
    "sharing-apply": MANAGERS,
    "sharing-pause": MANAGERS,
    "sharing-withdraw": MANAGERS,
    "sharing-resume": MANAGERS,
    "freeze": MANAGERS,
    "ledger-list": MANAGERS,
    "ledger-export": MANAGERS,
    "ledger-regulatory": MANAGERS,
    "ledger-report": MANAGERS,
    "ledger-verify": MANAGERS,
    "veto-add": MANAGERS,
    "veto-list": MANAGERS,
    "veto-lift": ANYONE,  # the doctor's code is the right
    "bookings": FRONT_DESK,
    "tasks-list": FRONT_DESK,
    "tasks-show": FRONT_DESK,
    "tasks-done": FRONT_DESK,
    "unsold": FRONT_DESK,
    "hl7-doubts": FRONT_DESK,
    "hl7-settle": FRONT_DESK,
}
"""Verb -> OS group; the verbs that are not here need an administrator."""


def may(verb: str, peer: Peer) -> bool:
    """Say whether this account may ask this verb."""
    need = NEEDS.get(verb)
    return peer.admin or need == ANYONE or (need is not None and need in peer.groups)
