"""An SMS gateway with an HTTP interface; its request is a template.

``{phone}``, ``{text}``, ``{user}`` and ``{secret}`` are replaced, escaped as the template's
form asks for: JSON when it begins with ``{``, else ``application/x-www-form-urlencoded``.
Gateways of the three carriers often want GB18030; a text is cut to what five messages hold.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote_plus

import httpx
from django.utils.translation import gettext_lazy as _

from govnet.engine.safety import decode, printable
from govnet.notices.channels.base import Message, Transport, TransportError
from govnet.notices.channels.http import post

CHARACTERS = 5 * 67
"""A long message is sent in parts of 67 characters (3GPP TS 23.040, UCS-2)."""


class Sms(Transport):
    """One request a phone."""

    kind = "sms"
    label = _("SMS gateway")
    uses = frozenset({"user", "secret", "body", "charset", "success"})
    needs = frozenset({"body"})
    to_people = True

    def send(self, message: Message, recipients: Sequence[str]) -> None:
        """Send to each phone; one that was refused does not keep the others from theirs."""
        failed: dict[str, TransportError] = {}
        for phone in recipients:
            try:
                self._send_one(message, phone)
            except TransportError as error:
                failed[phone] = error
        if failed:
            words = "; ".join(f"{_hidden(phone)}: {error}" for phone, error in failed.items())
            everybody = len(failed) == len(recipients)
            permanent = not everybody or all(error.permanent for error in failed.values())
            raise TransportError(words, permanent=permanent)

    def _send_one(self, message: Message, phone: str) -> None:
        settings = self.settings
        is_json = settings.body.lstrip().startswith("{")
        values = {
            "phone": phone,
            "text": message.text[:CHARACTERS],
            "user": settings.user,
            "secret": settings.secret,
        }
        content = fill(settings.body, values, _json if is_json else self._form)
        kind = "application/json" if is_json else "application/x-www-form-urlencoded"
        answer = post(
            settings,
            httpx.URL(settings.address),
            content.encode(settings.charset, "replace"),
            {"Content-Type": f"{kind}; charset={settings.charset}"},
        )
        if settings.success and settings.success not in decode(answer):
            raise TransportError(printable(answer))

    def _form(self, value: str) -> str:
        return quote_plus(value, encoding=self.settings.charset, errors="replace")


def fill(template: str, values: Mapping[str, str], escape: Callable[[str], str]) -> str:
    """The template with each ``{name}`` replaced; what a value contains is not replaced again."""
    parts = template.split("{")
    filled = [parts[0]]
    for part in parts[1:]:
        name, brace, rest = part.partition("}")
        known = brace and name in values
        filled.append(escape(values[name]) + rest if known else "{" + part)
    return "".join(filled)


def _json(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)[1:-1]


def _hidden(phone: str) -> str:
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) >= 11 else "****"
