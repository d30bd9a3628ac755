"""Forms of alarms: what a person says of them, windows, rules."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from govnet.alarms import models
from govnet.alarms.choices import Cause, ResponsibleParty
from govnet.core.forms import ObjectForm
from govnet.monitor.models import Target

Texts = dict[str, str | Promise]


class AcknowledgeForm(forms.Form):
    """Taking an alarm over."""

    text = forms.CharField(
        label=_("What is being done"),
        max_length=500,
        help_text=_("E.g. 已电话通知电信,受理单号 20261126-01."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class CommentForm(forms.Form):
    """A remark."""

    text = forms.CharField(
        label=pgettext_lazy("timeline", "Comment"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class CloseForm(forms.Form):
    """What it was and who answers for it."""

    cause = forms.ChoiceField(label=_("Cause"), choices=[("", "—"), *Cause.choices])
    party = forms.ChoiceField(
        label=_("Responsible party"), choices=[("", "—"), *ResponsibleParty.choices]
    )
    text = forms.CharField(
        label=_("How it was solved"),
        max_length=1000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class WindowForm(ObjectForm):
    """A maintenance window."""

    target_name = forms.CharField(
        label=_("Target"),
        required=False,
        max_length=120,
        help_text=_("The full name of one target, e.g. 财政局接入点 ICMP."),
    )

    class Meta:
        model = models.MaintenanceWindow
        fields = (
            "reason", "region", "unit", "access_point", "device", "circuit", "subtree",
            "starts_at", "ends_at", "repeat", "repeat_until", "notes",
        )  # fmt: skip
        help_texts: ClassVar[Texts] = {
            "reason": _("What is done and by whom, e.g. 电信割接:城东汇聚光缆迁改."),
            "region": _(
                "Fill in exactly one of region, unit, access point, device, circuit, target."
            ),
            "subtree": _("Everything that belongs to it or lies behind it is covered too."),
            "ends_at": _("At most 31 days; a repeated window at most one day each time."),
            "repeat": _("Weekly repeats on the weekday of the start, monthly on its day."),
            "repeat_until": _("The last day on which it may start; empty: for ever."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.target_id:
            self.fields["target_name"].initial = self.instance.target.name
        order = list(self.fields)
        order.remove("target_name")
        order.insert(order.index("circuit") + 1, "target_name")
        self.order_fields(order)

    def clean_target_name(self) -> Target | None:
        """The target of that name in the person's scope."""
        name = self.cleaned_data["target_name"].strip()
        if not name:
            return None
        found = list(Target.objects.measured().restrict(self.user).filter(name=name)[:2])
        if len(found) != 1:
            raise ValidationError(
                _now("Several targets have this name.") if found else _now("No such target.")
            )
        return found[0]

    def clean(self) -> dict[str, Any]:
        """Takes the target over, so that the model can check that one object is chosen."""
        data = super().clean()
        self.instance.target = data.get("target_name")
        return data

    def save(self, commit: bool = True) -> Any:  # Django's signature
        """Remembers who entered it."""
        if self.instance.pk is None:
            self.instance.created_by = self.user
        return super().save(commit)


class RuleForm(ObjectForm):
    """A rule."""

    class Meta:
        model = models.Rule
        fields = (
            "name", "code", "source", "condition", "level", "enabled", "cause", "party",
            "advice", "close_after_h", "notes",
        )  # fmt: skip
        help_texts: ClassVar[Texts] = {
            "name": _("What the duty officer reads, e.g. 设备 CPU 过高."),
            "code": _("Short and lasting, e.g. device_cpu; alarms are kept under it."),
            "condition": _(
                "E.g. cpu > 90% for 10m, clear when cpu < 80% for 5m. Only for measured values"
                " and dates of expiry."
            ),
            "advice": _("The one next step, e.g. 登录设备查看占用最高的进程."),
        }
