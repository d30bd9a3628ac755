"""What the group robots of 企业微信, 钉钉 and 飞书 have in common: JSON in, a code out."""

from __future__ import annotations

import base64
import hmac
import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, ClassVar

import httpx

from govnet.engine.safety import printable
from govnet.notices.channels.base import Message, Transport, TransportError
from govnet.notices.channels.http import answer_code, post

JSON_HEADERS = {"Content-Type": "application/json; charset=utf-8"}


class Robot(Transport):
    """A robot in a group chat; the group is the recipient."""

    uses = frozenset({"secret", "signing_secret"})
    needs = frozenset({"secret"})
    code_name: ClassVar[str] = "errcode"
    busy: ClassVar[frozenset[int]]
    """Codes that say: try again later."""

    @abstractmethod
    def url(self) -> httpx.URL:
        """Where to post to, with key and signature."""

    @abstractmethod
    def body(self, message: Message, recipients: Sequence[str]) -> Mapping[str, Any]:
        """The message as this service takes it."""

    def send(self, message: Message, recipients: Sequence[str]) -> None:
        """Post the message to the group."""
        content = json.dumps(self.body(message, recipients), ensure_ascii=False).encode()
        answer = post(self.settings, self.url(), content, JSON_HEADERS)
        code, words = answer_code(answer, self.code_name)
        if code:
            reason = f"{code} {printable(words)}"
            raise TransportError(reason, permanent=code not in self.busy)


def signature(key: str, text: str) -> str:
    """HMAC-SHA-256 in Base64."""
    return base64.b64encode(hmac.digest(key.encode(), text.encode(), sha256)).decode()
