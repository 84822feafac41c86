"""E-mail notices, by a real mail server on loopback."""

import random
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

from agent.clock import SystemClock
from agent.config.plan import DeskPlan
from agent.core.errors import Misconfigured, Transient
from agent.core.model import Instant
from agent.desk.mail import Mail, Smtp
from agent.desk.minute import FACT, FILE, Minute
from agent.desk.voice import ClinicVoice
from agent.language import Speech
from hub import tls

MANON = "manon@fjord.example.org"
SECRET = "un mot de passe"


@dataclass
class Letterbox:
    """What the server took; `refuse`: addresses it will not take."""

    refuse: tuple[str, ...] = ()
    got: list[Any] = field(default_factory=list)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802 - the library's hook
        if address in self.refuse:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - the library's hook
        self.got.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"


class Post(Controller):
    """A mail server; `secure`: with STARTTLS compulsory, and a user with a password."""

    def __init__(self, box: Letterbox, context: ssl.SSLContext | None) -> None:
        super().__init__(box, hostname="127.0.0.1", port=0)
        self.context = context

    def factory(self) -> SMTP:
        def allowed(server: Any, session: Any, envelope: Any, mechanism: Any, data: Any) -> AuthResult:
            return AuthResult(handled=False, success=(data.login, data.password) == (b"creneau", SECRET.encode()))

        if self.context is None:
            return SMTP(self.handler)
        return SMTP(self.handler, tls_context=self.context, require_starttls=True, authenticator=allowed)

    def _trigger_server(self) -> None:
        """Knock once: the library knocks at the port it was given, and was given none."""
        host, port = self.server.sockets[0].getsockname()
        socket.create_connection((host, port)).close()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.sockets[0].getsockname()[1]}"


@dataclass
class Town:
    box: Letterbox
    plan: DeskPlan


@pytest.fixture
def serving(tmp_path: Path, place: Any) -> Iterator[Callable[..., Town]]:
    """Lend a way to start a mail server."""
    started: list[Post] = []

    def start(*, secure: bool = True, refuse: tuple[str, ...] = ()) -> Town:
        files = tls.private_files(tmp_path / "tls", "127.0.0.1", SystemClock().now().utc)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.cert, files.key)
        post = Post(Letterbox(refuse), context if secure else None)
        post.start()
        started.append(post)
        plan = DeskPlan("", (MANON,), post.address, smtp_user="creneau", smtp_ca_file=str(files.ca))
        return Town(post.handler, plan)

    yield start
    for post in started:
        post.stop(no_assert=True)


def sender(plan: DeskPlan) -> Smtp:
    return Smtp(plan, lambda name: {"smtp": SECRET}[name])


def test_a_notice_arrives_whole_over_tls(serving: Any, place: Any) -> None:
    """Subject and text keep their accents; nobody's absence answers it."""
    town = serving()
    sender(town.plan)(Mail("[Créneau] Café : arrêt", "Ça ne marche pas.\n"), place.now.utc)
    (mail,) = town.box.got
    assert (mail["Subject"], mail["To"], mail["From"]) == ("[Créneau] Café : arrêt", MANON, MANON)
    assert mail.get_content().strip() == "Ça ne marche pas."
    assert mail["Auto-Submitted"] == "auto-generated"


def test_nothing_leaves_in_the_clear(serving: Any, place: Any) -> None:
    """A server without STARTTLS gets neither the password nor the text, and the remedy is said."""
    town = serving(secure=False)
    with pytest.raises(Misconfigured) as told:
        sender(town.plan)(Mail("s", "t"), place.now.utc)
    assert told.value.what.id == "the mail server offers no encryption"
    assert town.box.got == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"smtp_ca_file": ""}, "the mail server's certificate does not hold"),
        ({"smtp_user": "autre"}, "the mail server refuses the user or the password"),
        ({"email": ("a@b.example.org",)}, "the mail server refuses every address"),
        ({"email": (MANON, "a@b.example.org")}, "the mail server refuses {n} of the addresses"),
    ],
)
def test_what_a_person_must_mend_is_named(serving: Any, place: Any, change: Any, says: str) -> None:
    """An unknown certificate, a wrong password, a refused address: each with its own sentence and the key to mend."""
    town = serving(refuse=("a@b.example.org",))
    with pytest.raises(Misconfigured) as told:
        sender(replace(town.plan, **change))(Mail("s", "t"), place.now.utc)
    assert (told.value.what.id, told.value.hint is not None) == (says, True)
    assert SECRET not in str(told.value)


def test_a_server_that_is_away_is_asked_again(place: Any) -> None:
    """Nothing listens: it may work later."""
    with pytest.raises(Transient):
        sender(DeskPlan("", (MANON,), "127.0.0.1:1"))(Mail("s", "t"), place.now.utc)


# ---- what is written, and when


@pytest.fixture
def minute(serving: Any, place: Any) -> tuple[Minute, Letterbox]:
    """Return the minute's work of a clinic with a mail server."""
    town = serving()
    voice = ClinicVoice(Speech("fr"), ZoneInfo("America/Toronto"))
    return Minute(place.house(), voice, None, sender(town.plan)), town.box


def live(work: Minute, place: Any, minutes: int) -> None:
    for _ in range(minutes):
        place.now = Instant(place.now.utc + timedelta(minutes=1), place.now.age + timedelta(minutes=1))
        work.run()


def test_an_outage_of_two_hours_is_two_mails(minute: Any, place: Any) -> None:
    """The hub away: one e-mail after five minutes, one when it is back; the digest of the day once."""
    work, box = minute
    place.run(beat="transient", deliver="transient")
    work.house = place.house()
    live(work, place, 120)
    place.run()
    work.house = place.house()
    live(work, place, 30)
    texts = [mail.get_content() for mail in box.got]
    assert len(texts) == 3
    assert "Aujourd'hui" in texts[0]
    assert "Contact avec le carrefour" in texts[1]
    assert "fonctionne de nouveau" in texts[2]
    assert box.got[1]["Subject"].startswith("[Créneau] Clinique du Fjord")


def test_a_task_is_written_about_without_its_patient(minute: Any, place: Any, booked: Any) -> None:
    """Number of tasks and what to type; the patient is in no e-mail, and is written about again near the deadline."""
    work, box = minute
    place.run()
    booked("enter")
    work.house = place.house()
    live(work, place, 2)
    text = "\n".join(mail.get_content() for mail in box.got)
    assert "creneau tasks list" in text
    assert "Tremblay" not in text


def test_a_restart_writes_nothing_again(minute: Any, place: Any) -> None:
    """What was told is remembered in the journal."""
    work, box = minute
    place.run(publish="transient")
    work.house = place.house()
    live(work, place, 10)
    sent = len(box.got)
    assert FACT in place.journal.records().facts()
    again = Minute(place.house(), work.voice, None, work.send)
    live(again, place, 60)
    assert len(box.got) == sent


def test_a_mail_server_that_is_away_loses_nothing(minute: Any, place: Any) -> None:
    """The notice leaves when the server is back, once."""
    work, box = minute
    sends, work.send = work.send, sender(DeskPlan("", (MANON,), "127.0.0.1:1"))
    place.run(publish="transient")
    work.house = place.house()
    live(work, place, 20)
    assert box.got == []
    work.send = sends
    live(work, place, 31)
    assert sum("Lecture de l'agenda" in mail.get_content() for mail in box.got) == 1


def test_a_day_of_outages_is_no_storm(minute: Any, place: Any, booked: Any, tmp_path: Path) -> None:
    """Hub and EMR cut at random for 24 hours: at most one e-mail a cause and hour, and every task is still there."""
    work, box = minute
    dice = random.Random(11)
    booked("enter")
    folder = tmp_path / "accueil"
    folder.mkdir()
    work.folder = folder
    when: list[tuple[int, str]] = []
    down: dict[str, str] = {}
    for now in range(24 * 60):
        if dice.random() < 0.05:
            cut = {"hub": ("beat", "deliver", "receive"), "emr": ("publish",)}
            down = {leg: "transient" for name in cut if dice.random() < 0.5 for leg in cut[name]}
            place.run(**down)
            work.house = place.house()
        live(work, place, 1)
        when += [(now, mail.get_content()) for mail in box.got]
        box.got.clear()
    assert len(when) > 5
    for part in ("Lecture de l'agenda", "Contact avec le carrefour", "Tâches qui attendent", "Aujourd'hui"):
        times = [now for now, text in when if part in text]
        assert times, part
        assert all(later - earlier >= 60 for earlier, later in pairwise(times)), (part, times)
    assert len(place.journal.records().tasks()) == 1
    assert "À faire : 1" in (folder / FILE).read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ")
    assert not any("Tremblay" in text for _, text in when)
