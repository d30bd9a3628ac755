"""A web service of the site's own: JSON, signed.

``X-GovNet-Signature: sha256=`` HMAC-SHA-256 in hex, by the signing secret, over the time in
``X-GovNet-Timestamp``, a full stop and the body. The receiver refuses old times, so that a
recorded request cannot be played again.
"""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Sequence
from hashlib import sha256

import httpx
from django.utils.translation import gettext_lazy as _

from govnet.notices.channels.base import Message, Transport
from govnet.notices.channels.http import post
from govnet.notices.channels.robot import JSON_HEADERS


class Webhook(Transport):
    """Title, text, level, address and the alarms as data."""

    kind = "webhook"
    label = _("Webhook")
    uses = frozenset({"secret", "signing_secret"})

    def send(self, message: Message, recipients: Sequence[str]) -> None:
        """POST the message; any 2xx is a success."""
        body = {
            "title": message.title,
            "text": message.text,
            "level": message.level,
            "url": message.url,
            "recipients": list(recipients),
            **message.data,
        }
        content = json.dumps(body, ensure_ascii=False).encode()
        headers = dict(JSON_HEADERS)
        if self.settings.secret:
            headers["Authorization"] = f"Bearer {self.settings.secret}"
        if key := self.settings.signing_secret:
            stamp = str(int(time.time()))
            digest = hmac.new(key.encode(), stamp.encode() + b"." + content, sha256).hexdigest()
            headers |= {"X-GovNet-Timestamp": stamp, "X-GovNet-Signature": f"sha256={digest}"}
        post(self.settings, httpx.URL(self.settings.address), content, headers)
