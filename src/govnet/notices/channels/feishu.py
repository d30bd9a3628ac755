"""飞书 group robot, signed (签名校验): the key signs nothing but itself and the time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from django.utils.translation import gettext_lazy as _

from govnet.notices.channels.base import Message, shorten
from govnet.notices.channels.robot import Robot, signature

TEXT_OCTETS = 20_000


class Feishu(Robot):
    """A text message; its robots know no mobile numbers, so nobody is mentioned."""

    kind = "feishu"
    label = _("Feishu robot")
    code_name = "code"
    busy = frozenset({9499, 11232, 11233})

    def url(self) -> httpx.URL:
        """The robot's address; its key is the last part of the path."""
        base = httpx.URL(self.settings.address)
        return base.copy_with(path=f"{base.path.rstrip('/')}/{self.settings.secret}")

    def body(self, message: Message, recipients: Sequence[str]) -> Mapping[str, Any]:
        """``msg_type: text``, with the signature where the robot asks for one."""
        del recipients
        body: dict[str, Any] = {
            "msg_type": "text",
            "content": {"text": shorten(message.text, TEXT_OCTETS)},
        }
        if key := self.settings.signing_secret:
            stamp = str(int(time.time()))
            body |= {"timestamp": stamp, "sign": signature(f"{stamp}\n{key}", "")}
        return body
