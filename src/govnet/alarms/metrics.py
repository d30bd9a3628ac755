"""What rules can speak of: each value with its unit and the kind of object that has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from govnet.alarms.choices import ObjectKind


@dataclass(frozen=True, slots=True)
class Metric:
    """One value.

    Attributes:
        name: how conditions call it.
        label: how people call it.
        unit: "%", "ms", "s", "C", "d", "Mbps", "/s"; empty for a plain number.
        subject: the kind of object.
        dated: it follows from a date in the ledger or of a certificate, not from samples.
    """

    name: str
    label: str | Promise
    unit: str
    subject: ObjectKind
    dated: bool = False


_ALL: Final = (
    Metric("latency", _("Latency"), "ms", ObjectKind.TARGET),
    Metric("jitter", _("Jitter"), "ms", ObjectKind.TARGET),
    Metric("loss", _("Loss"), "%", ObjectKind.TARGET),
    Metric(
        "certificate_days", _("Days until the certificate expires"), "d", ObjectKind.TARGET, True
    ),
    Metric("cpu", pgettext_lazy("metric", "CPU"), "%", ObjectKind.DEVICE),
    Metric("memory", pgettext_lazy("metric", "Memory"), "%", ObjectKind.DEVICE),
    Metric("temperature", _("Temperature"), "C", ObjectKind.DEVICE),
    Metric("uptime", _("Uptime"), "s", ObjectKind.DEVICE),
    Metric("use", _("Use of the contracted rate"), "%", ObjectKind.CIRCUIT),
    Metric("in_rate", _("Received"), "Mbps", ObjectKind.CIRCUIT),
    Metric("out_rate", _("Sent"), "Mbps", ObjectKind.CIRCUIT),
    Metric("contract_days", _("Days to the contract's end"), "d", ObjectKind.CIRCUIT, True),
    Metric("term_days", _("Days to the contract's end"), "d", ObjectKind.CONTRACT, True),
    Metric("errors", _("Errors"), "/s", ObjectKind.PORT),
    Metric("discards", _("Discards"), "/s", ObjectKind.PORT),
)
METRICS: Final[Mapping[str, Metric]] = {metric.name: metric for metric in _ALL}
