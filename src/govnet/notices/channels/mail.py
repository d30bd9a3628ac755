"""E-mail by SMTP; Django's mail does the work."""

from __future__ import annotations

import smtplib
from collections.abc import Sequence
from email.utils import make_msgid

from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend
from django.utils.translation import gettext_lazy as _

from govnet.engine.safety import printable
from govnet.notices.channels.base import TIMEOUT_S, Message, Transport, TransportError
from govnet.notices.channels.guard import admitted, host_and_port

PORTS = {"tls": 465, "starttls": 587}


class Mail(Transport):
    """One message to all recipients, who do not see each other."""

    kind = "mail"
    label = _("E-mail")
    uses = frozenset({"user", "secret", "sender", "tls"})
    needs = frozenset({"sender"})
    to_people = True

    def send(self, message: Message, recipients: Sequence[str]) -> None:
        """Hand the message to the mail server."""
        settings = self.settings
        host, port = host_and_port(settings.address, PORTS.get(settings.tls, 25))
        admitted(host, port, loopback=settings.loopback)
        backend = EmailBackend(
            host=host,
            port=port,
            username=settings.user,
            password=settings.secret,
            use_tls=settings.tls == "starttls",
            use_ssl=settings.tls == "tls",
            timeout=int(TIMEOUT_S),
        )
        mail = EmailMessage(
            subject=message.title,
            body="\n".join((*message.lines, message.url)),
            from_email=settings.sender,
            bcc=list(recipients),
            headers={"Message-ID": make_msgid(domain=settings.sender.rpartition("@")[2])},
            connection=backend,
        )
        try:
            mail.send()
        except smtplib.SMTPException as error:
            raise TransportError(_reason(error), permanent=_is_permanent(error)) from error
        except OSError as error:
            raise TransportError(f"{host}: {error.strerror or error}") from error


def _reason(error: smtplib.SMTPException) -> str:
    return printable(f"{type(error).__name__}: {error}")


def _is_permanent(error: smtplib.SMTPException) -> bool:
    """RFC 5321 section 4.2.1: 5yz is permanent; of several recipients all must be."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return True
    return isinstance(error, smtplib.SMTPResponseException) and error.smtp_code >= 500
