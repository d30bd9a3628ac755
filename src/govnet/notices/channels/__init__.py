"""One module a channel: how a message leaves the house. ``TRANSPORTS`` is the table of kinds.

A new kind is a module with a subclass of ``base.Transport`` and a line in the table.
"""

from __future__ import annotations

from typing import Final

from govnet.notices.channels.base import Transport
from govnet.notices.channels.dingtalk import DingTalk
from govnet.notices.channels.feishu import Feishu
from govnet.notices.channels.mail import Mail
from govnet.notices.channels.sms import Sms
from govnet.notices.channels.syslog import Syslog
from govnet.notices.channels.webhook import Webhook
from govnet.notices.channels.wecom import WeCom

TRANSPORTS: Final[dict[str, type[Transport]]] = {
    transport.kind: transport for transport in (Mail, WeCom, DingTalk, Feishu, Sms, Webhook, Syslog)
}
