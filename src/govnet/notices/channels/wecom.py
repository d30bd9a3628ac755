"""企业微信 group robot (and 政务微信 at its own address); limits: 4,096 octets, 20 a minute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from django.utils.translation import gettext_lazy as _

from govnet.notices.channels.base import Message, shorten
from govnet.notices.channels.robot import Robot

TEXT_OCTETS = 2048


class WeCom(Robot):
    """A text message, so that people can be mentioned by their mobile number."""

    kind = "wecom"
    label = _("WeCom robot")
    uses = frozenset({"secret"})
    busy = frozenset({-1, 45009, 45033, 50001})

    def url(self) -> httpx.URL:
        """The robot's address with its key."""
        return httpx.URL(self.settings.address).copy_merge_params({"key": self.settings.secret})

    def body(self, message: Message, recipients: Sequence[str]) -> Mapping[str, Any]:
        """``msgtype: text``."""
        text = {
            "content": shorten(message.text, TEXT_OCTETS),
            "mentioned_mobile_list": list(recipients),
        }
        return {"msgtype": "text", "text": text}
