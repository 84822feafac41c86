"""Send one text by SMTP (RFC 5321), never in the clear (RFC 8314, RFC 3207).

Rule: port 465 speaks TLS from the first byte, any other port must offer STARTTLS, and the certificate must hold.
"""

import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Protocol

from agent.config.plan import DeskPlan
from agent.core.errors import Misconfigured, Transient
from agent.core.message import say

TLS_PORT = 465
PATIENCE_S = 10.0
"""For each step of the conversation; the sender has a thread of its own."""
DOING = say("send an e-mail")
CORRECT = say("correct email in [desk]")


@dataclass(frozen=True, slots=True)
class Mail:
    """What is sent; `text` holds no patient, no doctor's hour, no secret."""

    subject: str
    text: str = field(repr=False)


class Send(Protocol):
    """A way to send."""

    def __call__(self, mail: Mail, now: datetime) -> None:
        """Send to all; raises Transient when it may work later, Misconfigured when a person must mend it."""
        ...

    def close(self) -> None:
        """End a conversation in another thread; idempotent."""
        ...


@dataclass(slots=True)
class Smtp:
    """A way to send to the addresses of one plan. `secret`: the vault's reader, asked only with an `smtp_user`."""

    plan: DeskPlan
    secret: Callable[[str], str]
    _line: socket.socket | None = field(init=False, default=None, repr=False)

    def __call__(self, mail: Mail, now: datetime) -> None:
        """Send to all; raises Transient when it may work later, Misconfigured when a person must mend it."""
        message = self._message(mail, now)
        with self._conversation() as server:
            refused = server.send_message(message)
        if refused:
            raise Misconfigured(DOING, say("the mail server refuses {n} of the addresses", n=len(refused)), CORRECT)

    @contextmanager
    def _conversation(self) -> Iterator[smtplib.SMTP]:
        """Lend a conversation past TLS and password, and say in our words what goes wrong in it."""
        try:
            with self._connected() as server:
                self._line = server.sock
                if self.plan.smtp_user:
                    server.login(self.plan.smtp_user, self.secret("smtp"))
                yield server
        except smtplib.SMTPAuthenticationError as error:
            says = say("the mail server refuses the user or the password")
            raise Misconfigured(DOING, says, say("creneau secret set smtp")) from error
        except smtplib.SMTPNotSupportedError as error:
            says = say("the mail server offers no encryption")
            raise Misconfigured(DOING, says, say("ask for its port with STARTTLS, or for port 465")) from error
        except smtplib.SMTPRecipientsRefused as error:
            raise Misconfigured(DOING, say("the mail server refuses every address"), CORRECT) from error
        except ssl.SSLCertVerificationError as error:
            says = say("the mail server's certificate does not hold")
            hint = say("write the server's own name in smtp, or its authority in smtp_ca_file")
            raise Misconfigured(DOING, says, hint) from error
        except (smtplib.SMTPException, OSError) as error:
            raise Transient(DOING, say("the mail server does not answer"), say("creneau check machine")) from error
        finally:
            self._line = None

    def probe(self) -> None:
        """Go as far as the password and send nothing; raises as a call does."""
        with self._conversation():
            pass

    def close(self) -> None:
        """Let a conversation under way fail at once."""
        line = self._line
        if line is not None:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def _message(self, mail: Mail, now: datetime) -> EmailMessage:
        sender = self.plan.email_from or self.plan.email[0]
        message = EmailMessage()
        message["From"], message["To"] = sender, ", ".join(self.plan.email)
        message["Subject"] = mail.subject
        message["Date"] = format_datetime(now)
        message["Message-ID"] = make_msgid("creneau", sender.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
        message.set_content(mail.text)
        return message

    def _connected(self) -> smtplib.SMTP:
        host, _, port = self.plan.smtp.rpartition(":")
        host = host.strip("[]")
        trust = ssl.create_default_context(cafile=self.plan.smtp_ca_file or None)
        trust.minimum_version = ssl.TLSVersion.TLSv1_2
        if int(port) == TLS_PORT:
            return smtplib.SMTP_SSL(host, int(port), timeout=PATIENCE_S, context=trust)
        server = smtplib.SMTP(host, int(port), timeout=PATIENCE_S)
        try:
            server.starttls(context=trust)
        except BaseException:
            server.close()
            raise
        return server
