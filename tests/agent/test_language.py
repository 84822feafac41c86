"""Every sentence a person can read exists in French, and says the same."""

import ast
import string
import sys
from datetime import datetime, time
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from agent import language
from agent.core.errors import Misconfigured
from agent.core.message import Message, say
from agent.language import Speech, choose

ROOT = Path(__file__).parents[2]
LOCALE = ROOT / "agent" / "locale"
MAKERS = {"say": 0, "tr": 0, "Option": 3}
"""Functions whose literal argument is a sentence, and which argument it is."""


def calls() -> list[tuple[str, ast.expr]]:
    """Every sentence in the sources: where, and its argument."""
    found = []
    for folder in ("agent", "adapters", "hub"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    place = MAKERS.get(getattr(node.func, "id", getattr(node.func, "attr", "")))
                    named = [word.value for word in node.keywords if word.arg == "says"]
                    if place is not None and (named or len(node.args) > place):
                        found.append((f"{file.relative_to(ROOT)}:{node.lineno}", (named or [node.args[place]])[0]))
    return found


def sentences() -> set[str]:
    return {node.value for _, node in calls() if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def catalogue(locale: str) -> dict[str, str]:
    with (LOCALE / locale / "LC_MESSAGES" / "creneau.po").open("rb") as stream:
        return {str(one.id): str(one.string) for one in read_po(stream, abort_invalid=True) if one.id}


def places(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def test_a_sentence_is_a_literal() -> None:
    """The catalogue can be drawn from the sources: no sentence is put together at run time."""
    passes_on = {"agent/core/message.py", "agent/language.py", "agent/cli/app.py", "agent/desk/voice.py"}
    odd = [where for where, node in calls() if not isinstance(node, ast.Constant)]
    assert [where for where in odd if where.rpartition(":")[0] not in passes_on] == []


def test_every_sentence_has_its_french() -> None:
    """A missing translation fails here, not at the clinic."""
    french = catalogue("fr_CA")
    assert sorted(text for text in sentences() if not french.get(text)) == []


@pytest.mark.parametrize("locale", ["fr_CA", "en_CA"])
def test_no_sentence_is_left_over(locale: str) -> None:
    """The catalogues hold what the sources say and nothing else."""
    assert sorted(catalogue(locale).keys() ^ sentences()) == []


@pytest.mark.parametrize("locale", ["fr_CA", "en_CA"])
def test_places_are_the_same(locale: str) -> None:
    """A value named in English is named in the translation, and no other."""
    wrong = [text for text, said in catalogue(locale).items() if said and places(text) != places(said)]
    assert wrong == []


def test_messages_are_said_in_both_languages() -> None:
    """French has a hard space before the colon, and leaves a value as it is; English is the message itself."""
    message = say("{cell}: {count}", cell="nom :", count=3)
    assert Speech("fr").say(message) == "nom :\N{NO-BREAK SPACE}: 3"
    assert Speech("en").say(message) == "nom :: 3"


def test_what_is_not_in_the_catalogue_is_said_in_english() -> None:
    """A third party's sentence is better in English than not at all; an unknown language is French."""
    assert Speech("fr").say(Message("brand new {n}", (("n", 12345),))) == "brand new 12\N{NO-BREAK SPACE}345"
    assert Speech("en").say(Message("brand new {n}", (("n", 12345),))) == "brand new 12,345"
    assert Speech("en").say(Message("")) == ""
    assert Speech("de").lang == "fr"
    assert Speech("fr").number(2027) == "2027"


def test_dates_and_times_read_as_people_write_them() -> None:
    """Day first in French, with the first of the month as 1er."""
    moment = datetime(2026, 11, 23, 9, 0)  # noqa: DTZ001 - only its parts are read
    hard = "\N{NO-BREAK SPACE}"
    french, english = Speech("fr"), Speech("en")
    assert french.moment(moment) == f"lundi 23{hard}novembre, 9{hard}h{hard}00"
    assert english.moment(moment) == f"Monday, November{hard}23, 9:00"
    assert french.date(moment.replace(month=12, day=1), year=True) == f"mardi 1er{hard}décembre 2026"
    assert english.date(moment, year=True) == f"Monday, November{hard}23, 2026"
    assert french.time(time(14, 5)) == f"14{hard}h{hard}05"


@pytest.mark.parametrize(
    ("option", "environ", "clinic", "lang"),
    [
        ("en", {"LANG": "fr_CA.UTF-8"}, "fr", "en"),
        ("fr", {"LANG": "en_CA.UTF-8"}, "en", "fr"),
        (None, {"LANG": "en_CA.UTF-8"}, "fr", "en"),
        (None, {"LANG": "en_CA", "LC_ALL": "fr_CA.UTF-8"}, "en", "fr"),
        (None, {"LANG": "C.UTF-8"}, "en", "en"),
        (None, {"LANG": "frisian"}, None, "fr"),
        (None, {}, None, "fr"),
        ("xx", {}, "en", "en"),
    ],
)
def test_the_language_is_chosen(option: str | None, environ: dict[str, str], clinic: str | None, lang: str) -> None:
    """The option wins over the environment, the environment over the clinic; nobody's wish is French."""
    assert choose(option, environ, clinic) == lang


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give catalogues of their own, in an empty folder."""
    folder = tmp_path / "fr_CA" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    monkeypatch.setattr(language, "_FOLDER", tmp_path)
    monkeypatch.setattr(language, "_catalogue", language._catalogue.__wrapped__)
    return folder


PO = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n\nmsgid "yes"\nmsgstr "{}"\n'


def test_a_compiled_catalogue_is_enough(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed agent has no Babel: it reads what the build compiled."""
    from babel.messages.mofile import write_mo

    (elsewhere / "creneau.po").write_text(PO.format("oui"), encoding="utf-8")
    with (elsewhere / "creneau.po").open("rb") as source, (elsewhere / "creneau.mo").open("wb") as compiled:
        write_mo(compiled, read_po(source))
    monkeypatch.setitem(sys.modules, "babel.messages.mofile", None)
    assert Speech("fr").say(say("yes")) == "oui"


def test_a_checkout_needs_no_compiling(elsewhere: Path) -> None:
    """Where Babel is at hand an uncompiled catalogue is read as it stands."""
    (elsewhere / "creneau.po").write_text(PO.format("oui"), encoding="utf-8")
    assert Speech("fr").say(say("yes")) == "oui"


def test_no_catalogue_at_all_is_named(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken installation says so instead of speaking another language."""
    (elsewhere / "creneau.po").write_text(PO.format("oui"), encoding="utf-8")
    monkeypatch.setitem(sys.modules, "babel.messages.mofile", None)
    with pytest.raises(Misconfigured) as wrong:
        Speech("fr")
    assert wrong.value.file.endswith("creneau.mo")
