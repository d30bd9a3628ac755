"""The words of notices."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class ChannelKind(models.TextChoices):
    """How a message leaves the house; ``govnet.notices.channels`` has a module for each."""

    MAIL = "mail", _("E-mail")
    WECOM = "wecom", _("WeCom robot")
    DINGTALK = "dingtalk", _("DingTalk robot")
    FEISHU = "feishu", _("Feishu robot")
    SMS = "sms", _("SMS gateway")
    WEBHOOK = "webhook", _("Webhook")
    SYSLOG = "syslog", _("Syslog")


class Security(models.TextChoices):
    """How the line to a mail or syslog server is made."""

    PLAIN = "", _("Plain (mail), UDP (syslog)")
    STARTTLS = "starttls", _("STARTTLS (mail)")
    TLS = "tls", _("TLS (mail)")
    TCP = "tcp", _("TCP (syslog)")


class Charset(models.TextChoices):
    """What an SMS gateway reads."""

    UTF_8 = "utf-8", "UTF-8"
    GB18030 = "gb18030", "GB18030 (GBK)"


class Days(models.TextChoices):
    """On which days a policy holds."""

    ALL = "all", _("Every day")
    WORKDAYS = "workdays", _("Monday to Friday")
    WEEKEND = "weekend", _("Saturday and Sunday")


class To(models.TextChoices):
    """Whom a step of a policy tells."""

    CHANNEL = "channel", _("The channel's own recipients")
    DUTY = "duty", _("Who is on duty")
    RECIPIENT = "recipient", _("One recipient")


class DeliveryState(models.TextChoices):
    """What became of a notice."""

    WAITING = "waiting", pgettext_lazy("notice", "Waiting")
    SENT = "sent", pgettext_lazy("notice", "Sent")
    FAILED = "failed", pgettext_lazy("notice", "Failed")
    DROPPED = "dropped", pgettext_lazy("notice", "Not needed any more")
