"""Forms of what is set up for notices."""

from __future__ import annotations

from typing import ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from govnet.core.forms import ObjectForm
from govnet.notices import models

Texts = dict[str, str | Promise]


class RecipientForm(ObjectForm):
    """A recipient."""

    class Meta:
        model = models.Recipient
        fields = ("name", "email", "phone", "account", "notes")
        help_texts: ClassVar[Texts] = {
            "phone": _("For SMS, and to be mentioned by a robot, e.g. 13800000000."),
        }


class DutyShiftForm(ObjectForm):
    """A shift."""

    class Meta:
        model = models.DutyShift
        fields = ("recipient", "starts_at", "ends_at", "notes")


class ChannelForm(ObjectForm):
    """A channel; its key is stored encrypted and never shown again."""

    class Meta:
        model = models.Channel
        fields = (
            "name",
            "kind",
            "enabled",
            "address",
            "user",
            "secret",
            "signing_secret",
            "sender",
            "security",
            "recipients",
            "body",
            "charset",
            "success",
            "per_minute",
            "quiet_from",
            "quiet_until",
            "notes",
        )
        help_texts: ClassVar[Texts] = {
            "address": _(
                "E-mail and syslog: host:port. Robots: the address without its key, e.g."
                " https://oapi.dingtalk.com/robot/send; a private installation has its own."
            ),
            "secret": _(
                "WeCom: key. DingTalk: access_token. Feishu: the last part of the address."
                " E-mail: password. Webhook: bearer token."
            ),
            "signing_secret": _("DingTalk and Feishu: the signing key. Webhook: the HMAC key."),
            "sender": _("E-mail only, e.g. noc@example.gov.cn."),
            "recipients": _("One a line: addresses for e-mail, mobile phones for SMS."),
            "body": _(
                "SMS gateway only: the request, e.g. user={user}&pwd={secret}&mobile={phone}"
                "&content={text}; JSON when it begins with a brace."
            ),
            "success": _("SMS gateway only: what a good answer contains, e.g. result=0."),
            "per_minute": _("Robots refuse more than 20; what is over waits and is put together."),
            "quiet_from": _("Between these times only critical alarms are told at once."),
        }


class PolicyForm(ObjectForm):
    """A policy, with its steps below."""

    class Meta:
        model = models.Policy
        fields = (
            "name",
            "enabled",
            "least",
            "region",
            "days",
            "hours_from",
            "hours_until",
            "notes",
        )
        help_texts: ClassVar[Texts] = {
            "name": _("E.g. Major faults, day and night."),
            "region": _("Only alarms in this region and below; empty for all."),
            "hours_from": _("Empty for the whole day; may reach over midnight, e.g. 18:00–08:00."),
        }
