"""Every key of the configuration, with its reader and its default.

Rule: config.example.toml shows each key of this file, and a commented key shows its default.
"""

from dataclasses import dataclass
from datetime import timedelta

from agent.config import addresses
from agent.config import values as read
from agent.config.values import Reader


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a section. `default` as it would be written in TOML, `...` = compulsory."""

    name: str
    read: Reader
    default: object = ...


_SECOND, _HOUR, _DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
_WORDS = read.list_of(read.text())

CLINIC = (
    Key("name", read.text(2)),
    Key("contact", read.text(2)),
    Key("language", read.word("fr", "en"), "fr"),
)
HUB = (
    Key("url", addresses.origin),
    Key("proxy", addresses.proxy, ""),
    Key("ca_file", read.text(0, 1000), ""),
)
EMR = (
    Key("id", read.ident),
    Key("adapter", read.text()),
    Key("bookings", read.word("tasks", "automatic", "none"), "tasks"),
    Key("permission", read.text(0), ""),
    Key("poll", read.duration(_SECOND, _HOUR), "60s"),
)
SITE = (
    Key("id", read.ident),
    Key("emr", read.text()),
    Key("name", read.text(2)),
    Key("address", read.text(2)),
    Key("phone", read.text(3, 60)),
    Key("emr_code", read.text(), "*"),
    Key("time_zone", read.zone, "America/Toronto"),
)
ACCORD = (
    Key("name", read.text(2)),
    Key("agreed", read.day, None),
)
SHARING = (
    Key("enabled", read.yes_no),
    Key("expires", read.day),
    Key("identity", read.word("team", "named"), "team"),
    Key("team_min", read.whole(1, 100), 3),
    Key("min_notice", read.duration(0 * _DAY, 60 * _DAY), "2h"),
    Key("horizon", read.duration(_HOUR, 400 * _DAY), "14d"),
    Key("times", read.word("exact", "half-day"), "exact"),
    Key("cancelled_frees", read.yes_no, True),
)
ALLOW = (
    Key("name", read.text(2)),
    Key("types", _WORDS),
    Key("practitioners", _WORDS),
    Key("sites", _WORDS, ["*"]),
    Key("days", read.list_of(read.weekday), ["lun", "mar", "mer", "jeu", "ven"]),
    Key("between", read.between, ["00:00", "24:00"]),
    Key("publish_as", read.anything(dict)),
)
DENY = (
    Key("name", read.text(2)),
    Key("types", _WORDS, None),
    Key("practitioners", _WORDS, None),
    Key("sites", _WORDS, ["*"]),
    Key("days", read.list_of(read.weekday), ["lun", "mar", "mer", "jeu", "ven", "sam", "dim"]),
    Key("between", read.between, ["00:00", "24:00"]),
)
PUBLISH_AS = (
    Key(
        "clientele",
        read.word("enrolled-with-doctor", "enrolled-at-site", "enrolled-with-professional", "anyone"),
    ),
    Key("reason", read.word("urgent", "semi-urgent", "pregnancy", "pediatric", "regular")),
    Key("mode", read.word("on-site", "home", "video", "phone")),
    Key("redirect", read.word("811", "911", "gap", "hospital"), None),
)
BOOKING = (
    Key("label", read.text(1, 60), "Réservé en ligne"),
    Key("cancel_until", read.duration(0 * _DAY, 60 * _DAY), "24h"),
    Key("after_cancel", read.word("release", "keep", "ask"), "release"),
    Key("max_per_hour", read.whole(1, 10_000), 30),
    Key("other_channels", read.channels, {}),
)
DESK = (
    Key("folder", read.text(0, 1000), ""),
    Key("email", read.list_of(addresses.email, empty=True), []),
    Key("email_from", addresses.maybe_email, ""),
    Key("smtp", addresses.server, ""),
    Key("smtp_user", read.text(0), ""),
    Key("smtp_ca_file", read.text(0, 1000), ""),
)
SERVICE = (
    Key("data_dir", read.text(0, 1000), ""),
    Key("log_level", read.word("error", "warning", "info", "debug"), "info"),
    Key("ledger_keep", read.months, "36m"),
)

TABLES = {"clinic": CLINIC, "hub": HUB, "booking": BOOKING, "desk": DESK, "service": SERVICE}
ARRAYS = {"emr": EMR, "site": SITE}
MANAGERS = ("types", "practitioners", "sharing")
"""The sharing part, which may stand apart in sharing.toml."""
