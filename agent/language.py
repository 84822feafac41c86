"""Say a message to a person, in French or in English.

Rule: French unless somebody asked for English; what the catalogue does not hold is said in English, never refused.
"""

import gettext
import re
from collections.abc import Mapping
from datetime import date, datetime, time
from functools import cache
from io import BytesIO
from pathlib import Path

from agent.core.errors import Misconfigured
from agent.core.message import Message, say

DOMAIN = "creneau"
_LOCALES = {"fr": "fr_CA", "en": "en_CA"}
_FOLDER = Path(__file__).with_name("locale")
_DAYS = {
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_MONTHS = {
    "fr": [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
    "en": [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
}
_NARROW = re.compile(r" (?=[:;?!»%])|(?<=«) ")
_HARD = "\N{NO-BREAK SPACE}"


class Speech:
    """One language. `lang` is "fr" or "en"."""

    def __init__(self, lang: str) -> None:
        """Open the catalogue; raises Misconfigured when it was never compiled."""
        self.lang = lang if lang in _LOCALES else "fr"
        self._catalogue = _catalogue(self.lang)

    def say(self, message: Message) -> str:
        """Return the sentence; in French with hard spaces where typography wants them."""
        sentence = self._catalogue.gettext(message.id) if message.id else ""
        if self.lang == "fr":
            sentence = _NARROW.sub(_HARD, sentence)
        return sentence.format_map({name: self.number(value) for name, value in message.args})

    def number(self, value: str | int) -> str:
        """Return a number with its thousands apart (12 345, 12,345); a text as it is."""
        if not isinstance(value, int) or abs(value) < 10_000:
            return str(value)
        return f"{value:,}".replace(",", _HARD if self.lang == "fr" else ",")

    def date(self, day: date, *, year: bool = False) -> str:
        """Return "lundi 23 novembre" or "Monday, November 23", with the year when asked."""
        name, month = _DAYS[self.lang][day.weekday()], _MONTHS[self.lang][day.month - 1]
        if self.lang == "fr":
            number = "1er" if day.day == 1 else str(day.day)
            return f"{name} {number}{_HARD}{month}" + (f" {day.year}" if year else "")
        return f"{name}, {month}{_HARD}{day.day}" + (f", {day.year}" if year else "")

    def time(self, moment: time | datetime) -> str:
        """Return "9 h 00" or "9:00"; 24 hours in both languages, as clinics write agendas."""
        between = f"{_HARD}h{_HARD}" if self.lang == "fr" else ":"
        return f"{moment.hour}{between}{moment.minute:02}"

    def moment(self, moment: datetime, *, year: bool = False) -> str:
        """Return "lundi 23 novembre, 9 h 00" in the zone the moment carries."""
        return f"{self.date(moment, year=year)}, {self.time(moment)}"


def choose(option: str | None, environ: Mapping[str, str], clinic: str | None = None) -> str:
    """Return "fr" or "en": --lang, else LC_ALL, LC_MESSAGES or LANG, else the clinic's setting, else French."""
    wishes = (option, environ.get("LC_ALL"), environ.get("LC_MESSAGES"), environ.get("LANG"), clinic)
    known = (wish[:2].lower() for wish in wishes if wish and re.match(r"(?i)(fr|en)([_.@-]|$)", wish))
    return next(known, "fr")


@cache
def _catalogue(lang: str) -> gettext.NullTranslations:
    folder = _FOLDER / _LOCALES[lang] / "LC_MESSAGES"
    compiled, source = folder / f"{DOMAIN}.mo", folder / f"{DOMAIN}.po"
    fresh = compiled.exists() and not (source.exists() and source.stat().st_mtime > compiled.stat().st_mtime)
    found = None if fresh else _compile(source)
    if found is not None:
        return found
    try:
        with compiled.open("rb") as stream:
            return gettext.GNUTranslations(stream)
    except OSError as error:
        says, hint = say("the message catalogue was not compiled"), say("pip install --editable .")
        raise Misconfigured(say("open the message catalogue"), says, hint, file=str(compiled)) from error


def _compile(source: Path) -> gettext.NullTranslations | None:
    """In a checkout: compile in memory what the build would compile into the wheel; None where Babel is not at hand."""
    try:
        from babel.messages.mofile import write_mo
        from babel.messages.pofile import read_po
    except ImportError:
        return None
    memory = BytesIO()
    with source.open("rb") as stream:
        write_mo(memory, read_po(stream))
    memory.seek(0)
    return gettext.GNUTranslations(memory)
