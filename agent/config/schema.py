"""Every key of the configuration, with its reader and its default.

Rule: config.example.toml shows each key of this file, and a commented key shows its default.
"""

from datetime import timedelta

from agent.config import addresses
from agent.config import values as read
from agent.core.booking import Then
from agent.core.sheet import Key, list_of, text, whole, word, yes_no

_SECOND, _HOUR, _DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
_WORDS = list_of(text())

CLINIC = (
    Key("name", text(2)),
    Key("contact", text(2)),
    Key("language", word("fr", "en"), "fr"),
)
HUB = (
    Key("url", addresses.origin),
    Key("proxy", addresses.proxy, ""),
    Key("ca_file", text(0, 1000), ""),
)
EMR = (
    Key("id", read.ident),
    Key("adapter", text()),
    Key("bookings", word("tasks", "automatic", "none"), "tasks"),
    Key("permission", text(0), ""),
    Key("poll", read.duration(_SECOND, _HOUR), "60s"),
)
SITE = (
    Key("id", read.ident),
    Key("emr", text()),
    Key("name", text(2)),
    Key("address", text(2)),
    Key("phone", text(3, 60)),
    Key("emr_code", text(), "*"),
    Key("time_zone", read.zone, "America/Toronto"),
)
ACCORD = (
    Key("name", text(2)),
    Key("agreed", read.day, None),
)
SHARING = (
    Key("enabled", yes_no),
    Key("expires", read.day),
    Key("identity", word("team", "named"), "team"),
    Key("team_min", whole(1, 100), 3),
    Key("min_notice", read.duration(0 * _DAY, 60 * _DAY), "2h"),
    Key("horizon", read.duration(_HOUR, 400 * _DAY), "14d"),
    Key("times", word("exact", "half-day"), "exact"),
    Key("cancelled_frees", yes_no, True),
)
ALLOW = (
    Key("name", text(2)),
    Key("types", _WORDS),
    Key("practitioners", _WORDS),
    Key("sites", _WORDS, ["*"]),
    Key("days", list_of(read.weekday), ["lun", "mar", "mer", "jeu", "ven"]),
    Key("between", read.between, ["00:00", "24:00"]),
    Key("publish_as", read.anything(dict)),
)
DENY = (
    Key("name", text(2)),
    Key("types", _WORDS, None),
    Key("practitioners", _WORDS, None),
    Key("sites", _WORDS, ["*"]),
    Key("days", list_of(read.weekday), ["lun", "mar", "mer", "jeu", "ven", "sam", "dim"]),
    Key("between", read.between, ["00:00", "24:00"]),
)
PUBLISH_AS = (
    Key(
        "clientele",
        word("enrolled-with-doctor", "enrolled-at-site", "enrolled-with-professional", "anyone"),
    ),
    Key("reason", word("urgent", "semi-urgent", "pregnancy", "pediatric", "regular")),
    Key("mode", word("on-site", "home", "video", "phone")),
    Key("redirect", word("811", "911", "gap", "hospital"), None),
)
BOOKING = (
    Key("label", text(1, 60), "Réservé en ligne"),
    Key("cancel_until", read.duration(0 * _DAY, 60 * _DAY), "24h"),
    Key("after_cancel", word(*Then), Then.RELEASE.value),
    Key("max_per_hour", whole(1, 10_000), 30),
    Key("other_channels", read.channels, {}),
)
DESK = (
    Key("folder", text(0, 1000), ""),
    Key("email", list_of(addresses.email, empty=True), []),
    Key("email_from", addresses.maybe_email, ""),
    Key("smtp", addresses.server, ""),
    Key("smtp_user", text(0), ""),
    Key("smtp_ca_file", text(0, 1000), ""),
)
SERVICE = (
    Key("data_dir", text(0, 1000), ""),
    Key("log_level", word("error", "warning", "info", "debug"), "info"),
    Key("ledger_keep", read.months, "36m"),
)

TABLES = {"clinic": CLINIC, "hub": HUB, "booking": BOOKING, "desk": DESK, "service": SERVICE}
ARRAYS = {"emr": EMR, "site": SITE}
MANAGERS = ("types", "practitioners", "sharing")
"""The sharing part, which may stand apart in sharing.toml."""
