"""Join a hub with a one-time code.

Rule: nothing is kept before the hub's proof held, and repeating an enrolment with the same code and keys is harmless.
"""

from collections.abc import Mapping
from datetime import timedelta

from agent import __version__
from agent.core.envelope import Rejected, enrol_body, open_enrolled, read_code, seal, thumbprint
from agent.core.errors import Misconfigured, Refused, Transient
from agent.core.message import Message, say
from agent.core.model import Instant
from agent.keys import VaultKeys
from agent.ports import Dice, Hub, Identity

WAIT = timedelta(seconds=15)
MOST_CONTACT = 200
_NEW_CODE = say("ask the hub operator for a new code")
_WHY: Mapping[str, tuple[Message, Message]] = {
    "code": (say("the hub does not accept this code: wrong or expired"), _NEW_CODE),
    "used": (say("this code was used already"), _NEW_CODE),
    "takeover": (
        say("the clinic has an agent already"),
        say("if this one replaces it, ask the hub operator for a takeover code: creneau hub takeover"),
    ),
    "clinic": (
        say("this code is for another clinic than the one this agent belongs to"),
        say("ask for a code for this clinic; to change clinic, first: creneau leave"),
    ),
}
"""What the hub's word for a refused code means to a person."""


def _present(keys: VaultKeys, url: str) -> str:
    """Return which clinic we are at this hub, "" = none."""
    try:
        who = keys.identity()
    except Misconfigured:
        return ""
    return who.clinic if who.hub == url else ""


def join(code: str, url: str, keys: VaultKeys, hub: Hub, dice: Dice, now: Instant, *, contact: str = "") -> Identity:
    """Enrol at the hub of `url`, which may call `contact`; the same keys are offered again until one enrolment is adopted.

    Raises Refused for a wrong or used code, Transient when the hub gave no answer that counts.
    """
    doing = say("join the hub {url}", url=url)
    try:
        read = read_code(code)
    except Rejected as cause:
        raise Refused(
            doing,
            say("this is not a one-time code: four characters, then five groups of five and one more"),
            say("copy the code as the hub operator gave it"),
            reason="code",
        ) from cause
    fresh, present = keys.candidate(), _present(keys, url)
    body = enrol_body(
        read,
        fresh.signing,
        fresh.sealing,
        aud=url,
        instance=fresh.instance,
        software=f"creneau {__version__}",
        clinic=present,
        contact=contact[:MOST_CONTACT],
    )
    thumb = thumbprint(fresh.signing)
    envelope = seal("enrol", body, fresh.signing, iss=thumb, aud=url, jti=dice.token(), now=now.utc)
    answer = hub.call(envelope, WAIT)
    try:
        enrolled = open_enrolled(answer.jws, to=envelope, code=read, took=answer.took)
    except Rejected as cause:
        if cause.problem == "clock-skew":
            hint = say("set this machine's clock, then try again")
            raise Refused(doing, say("this machine's clock is too far off"), hint, reason="clock") from cause
        if cause.problem in {"bad-signature", "unknown-clinic", "schema"}:
            what, hint = _WHY.get(cause.said, _WHY["code"])
            raise Refused(doing, what, hint, reason=cause.said or "code") from cause
        raise Transient(doing, say("the hub gave no answer that counts"), say("creneau check hub")) from cause
    if present not in {"", enrolled.clinic}:  # a hub that does not look at what the agent already is
        raise Refused(doing, *_WHY["clinic"], reason="clinic")
    return keys.adopt_enrolment(fresh, clinic=enrolled.clinic, hub=url, n=enrolled.n, keys=enrolled.keys, now=now.utc)
