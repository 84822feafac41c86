"""The tables of the hub.

Rule: nothing here belongs to one database; times are integer microseconds UTC, structures are JSON text.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy import BigInteger, Boolean, Column, ForeignKeyConstraint, Index, Integer, MetaData, String, Table, Text

TABLES = MetaData()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    """Return the moment as integer microseconds since 1970, UTC."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(value: int) -> datetime:
    """Return what `micros` was given, in UTC."""
    return _EPOCH + timedelta(microseconds=value)


SETTING = Table(
    "setting",
    TABLES,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

HUB_KEY = Table(
    "hub_key",
    TABLES,
    Column("kid", String(64), primary_key=True),
    Column("n", BigInteger, nullable=False),  # of the key set
    Column("public", Text, nullable=False),
    Column("made", BigInteger, nullable=False),
)

HUB_TURN = Table(
    "hub_turn",
    TABLES,
    Column("n", BigInteger, primary_key=True),  # of the set it leads to, from n - 1
    Column("jws", Text, nullable=False),
)

HELD_SET = Table(
    "held_set",
    TABLES,
    Column("clinic", String(64), primary_key=True),
    Column("n", BigInteger, nullable=False),  # our key set that the clinic was last heard to hold
)

CODE = Table(
    "code",
    TABLES,
    Column("handle", String(8), primary_key=True),
    Column("secret", String(64), nullable=False),  # SHA-256 of the part that is never sent
    Column("clinic", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("takeover", Boolean, nullable=False),
    Column("made", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("used_by", String(64)),  # thumbprint of the signing key that proved it
)

CONTACT = Table(
    "contact",
    TABLES,
    Column("clinic", String(64), primary_key=True),
    Column("says", Text, nullable=False),  # whom the operator calls, as operator or clinic wrote it
)

CLINIC = Table(
    "clinic",
    TABLES,
    Column("id", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("made", BigInteger, nullable=False),
    Column("offers", Boolean, nullable=False),  # False: the operator stopped offering its slots
    Column("epoch", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("instance", String(64), nullable=False),  # the one that may hold a turn
    Column("boot", String(64)),
    Column("boot_iat", BigInteger, nullable=False),  # `iat` of the first request of that boot
    Column("boots", Text, nullable=False),  # boots that were replaced, JSON list
    Column("torn", Boolean, nullable=False),  # two boots alternate: a person must pick one
    Column("turn", BigInteger, nullable=False),
    Column("turn_until", BigInteger, nullable=False),
    Column("turn_free", BigInteger, nullable=False),  # no turn for a replacement before the old one has run out
    Column("entries", BigInteger, nullable=False),  # last number given to an order entry
    Column("listed", BigInteger, nullable=False),  # a cursor below it has not seen the full list of this turn
    Column("listed_turn", BigInteger, nullable=False),
    Column("statement", Text),  # sealing-key statement, as the clinic signed it
    Column("statement_n", BigInteger, nullable=False),
    Column("beat", Text),
    Column("beat_at", BigInteger),
)

CLINIC_KEY = Table(
    "clinic_key",
    TABLES,
    Column("kid", String(64), primary_key=True),
    Column("clinic", String(64), nullable=False, index=True),
    Column("instance", String(64), nullable=False),
    Column("signing", Text, nullable=False),
    Column("sealing", Text, nullable=False),
    Column("software", Text, nullable=False),
    Column("made", BigInteger, nullable=False),
    Column("retired", BigInteger),
    ForeignKeyConstraint(["clinic"], ["clinic.id"]),
)

KEY_TURN = Table(
    "key_turn",
    TABLES,
    Column("kid", String(64), primary_key=True),  # the key that signed no longer
    Column("next", String(64), nullable=False),  # the key that follows it
    Column("at", BigInteger, nullable=False),
)

SITE = Table(
    "site",
    TABLES,
    Column("clinic", String(64), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("details", Text, nullable=False),
    Column("root", String(64), nullable=False),
    Column("renewed", BigInteger, nullable=False),
    ForeignKeyConstraint(["clinic"], ["clinic.id"]),
)

SLOT = Table(
    "slot",
    TABLES,
    Column("clinic", String(64), primary_key=True),
    Column("id", String(22), primary_key=True),
    Column("site", String(64), nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("ends", BigInteger, nullable=False),
    Column("pool", Text, nullable=False),  # clientele, reason, mode: what an alternative must share
    Column("slot", Text, nullable=False),  # as it came on the wire
    Column("leaf", String(64), nullable=False),
    Column("booking", String(64)),  # an order stands on it
    Column("freed", BigInteger),  # the order was decided; offered again once the site is confirmed after this
)
Index("slot_offered", SLOT.c.start, SLOT.c.clinic, SLOT.c.id)
Index("slot_site", SLOT.c.clinic, SLOT.c.site)
Index("slot_booking", SLOT.c.clinic, SLOT.c.booking)

SEEN = Table(
    "seen_jti",
    TABLES,
    Column("iss", String(64), primary_key=True),
    Column("jti", String(64), primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("answer", Text, nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
)

PORTAL = Table(
    "portal",
    TABLES,
    Column("name", String(64), primary_key=True),
    Column("token", String(64), nullable=False, unique=True),  # SHA-256 of the bearer token
    Column("made", BigInteger, nullable=False),
    Column("revoked", BigInteger),
)

BOOKING = Table(
    "booking",
    TABLES,
    Column("clinic", String(64), primary_key=True),
    Column("booking", String(64), primary_key=True),
    Column("portal", String(64), nullable=False),
    Column("version", BigInteger, nullable=False),  # the newest
    Column("ends", BigInteger, nullable=False),  # end of the last slot asked for
    Column("rev", BigInteger, nullable=False),  # highest outcome
    Column("final", BigInteger),  # since when the newest version is decided for good
    ForeignKeyConstraint(["clinic"], ["clinic.id"]),
)

ORDER = Table(
    "orders",
    TABLES,
    Column("clinic", String(64), primary_key=True),
    Column("booking", String(64), primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("n", BigInteger, nullable=False),
    Column("body", String(64), nullable=False),  # SHA-256 of what the portal asked
    Column("goal", String(22)),
    Column("firmness", String(8), nullable=False),
    Column("slot", Text),
    Column("jws", Text, nullable=False),
    Column("patient", Text),  # sealed; erased a day after the final outcome
    Column("at", BigInteger, nullable=False),
    ForeignKeyConstraint(["clinic"], ["clinic.id"]),
)
Index("order_entry", ORDER.c.clinic, ORDER.c.n, unique=True)

OUTCOME = Table(
    "outcome",
    TABLES,
    Column("clinic", String(64), primary_key=True),
    Column("booking", String(64), primary_key=True),
    Column("rev", BigInteger, primary_key=True),
    Column("digest", String(64), primary_key=True),  # two digests for one rev contradict each other
    Column("version", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Column("kid", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
)

LEDGER = Table(
    "ledger",
    TABLES,
    Column("n", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("clinic", String(64), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("subject", String(64), nullable=False),  # jti, booking or key
    Column("sha256", String(64), nullable=False),
    Column("jws", Text),  # the signed proof, where it is worth keeping
)
