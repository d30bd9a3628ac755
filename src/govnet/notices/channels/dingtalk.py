"""钉钉 group robot (and 专有钉钉 at its own address), signed (加签); 20 messages a minute."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from django.utils.translation import gettext_lazy as _

from govnet.notices.channels.base import Message, shorten
from govnet.notices.channels.robot import Robot, signature

TEXT_OCTETS = 20_000


class DingTalk(Robot):
    """A text message with mentions by mobile number."""

    kind = "dingtalk"
    label = _("DingTalk robot")
    busy = frozenset({-1, 130101, 410100, 660026})

    def url(self) -> httpx.URL:
        """The robot's address with its token and, where it asks for one, the signature."""
        params = {"access_token": self.settings.secret}
        if key := self.settings.signing_secret:
            stamp = str(int(time.time() * 1000))
            params |= {"timestamp": stamp, "sign": signature(key, f"{stamp}\n{key}")}
        return httpx.URL(self.settings.address).copy_merge_params(params)

    def body(self, message: Message, recipients: Sequence[str]) -> Mapping[str, Any]:
        """``msgtype: text``."""
        return {
            "msgtype": "text",
            "text": {"content": shorten(message.text, TEXT_OCTETS)},
            "at": {"atMobiles": list(recipients), "isAtAll": False},
        }
