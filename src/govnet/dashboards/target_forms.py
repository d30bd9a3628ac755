"""Forms for targets: those that people make, and the few fields of generated ones.

What the engine will do with an entry is checked by the engine's own models, so the form and
the engine cannot disagree. Whoever may watch which address is ``probe_now.judge_target``.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

import httpx
from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import ValidationError

from govnet.core.forms import ObjectForm
from govnet.dashboards import probe_now
from govnet.dashboards.probe_views import RECORD_TYPES
from govnet.engine.probes.http import parse_url
from govnet.engine.probes.registry import check_target
from govnet.engine.result import ProbeKind
from govnet.engine.safety import printable
from govnet.monitor.models import Target

# SNMP targets come from devices with a credential; a second one by hand would only poll twice.
BY_HAND: Final = (ProbeKind.ICMP, ProbeKind.HTTP, ProbeKind.TCP, ProbeKind.DNS)
OWN_FIELDS: Final[dict[ProbeKind, tuple[str, ...]]] = {
    ProbeKind.ICMP: (),
    ProbeKind.HTTP: ("expected_status", "body_contains"),
    ProbeKind.TCP: ("port",),
    ProbeKind.DNS: ("server", "query_type"),
    ProbeKind.SNMP: (),
    ProbeKind.LINE: (),
}
HIDDEN: Final = "••••••••"
"""Stands for a stored header value, which may be a password and is never sent to a browser."""

MISSING: Final = {
    "port": gettext_lazy("A TCP probe needs a port."),
    "server": gettext_lazy("A DNS probe needs a name server."),
}


class GeneratedTargetForm(ObjectForm):
    """How a target of the ledger is measured; what it is follows the ledger."""

    class Meta:
        model = Target
        fields = ("interval_s", "timeout_s", "tries", "enabled")


class LineTargetForm(ObjectForm):
    """Whether a line is judged by its ports; when they are read is for their devices to say."""

    class Meta:
        model = Target
        fields = ("enabled",)


class TargetForm(ObjectForm):
    """A target made by hand."""

    port = forms.IntegerField(
        label=gettext_lazy("Port (TCP)"), min_value=1, max_value=65535, required=False
    )
    server = forms.CharField(label=gettext_lazy("Name server (DNS)"), max_length=60, required=False)
    query_type = forms.ChoiceField(
        label=gettext_lazy("Record type (DNS)"),
        choices=[(name, name) for name in RECORD_TYPES],
        required=False,
    )
    expected_status = forms.CharField(
        label=gettext_lazy("Right status codes (HTTP)"),
        max_length=100,
        required=False,
        help_text=gettext_lazy("For example 200 or 200-299,401. Empty means 200-299."),
    )
    body_contains = forms.CharField(
        label=gettext_lazy("Text that the page must contain (HTTP)"),
        max_length=500,
        required=False,
    )
    field_order = (
        "name", "kind", "address", "port", "server", "query_type", "expected_status",
        "body_contains", "params", "access_point", "device", "unit", "interval_s",
        "timeout_s", "tries", "enabled", "reference",
    )  # fmt: skip

    class Meta:
        model = Target
        fields = (
            "name", "kind", "address", "params", "access_point", "device", "unit",
            "interval_s", "timeout_s", "tries", "enabled", "reference",
        )  # fmt: skip
        help_texts: ClassVar[dict[str, Any]] = {
            "address": gettext_lazy(
                "IP address or host name; a URL for HTTP; the name to ask for with DNS."
                " For example 10.1.2.3 or https://www.example.gov.cn/."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # Django's
        super().__init__(*args, **kwargs)
        kind_field = self.fields["kind"]
        assert isinstance(kind_field, forms.ChoiceField)
        kind_field.choices = [(kind.value, kind.name) for kind in BY_HAND]
        params = self.fields["params"]
        params.label = _("Further parameters (JSON)")
        params.help_text = _('For example {"ip_version": "4"}. Empty for the usual values.')
        if not self.user.sees_everything:
            del self.fields["reference"]
        self.stored = dict(self.instance.params)
        self.stored_goal = self._goal(self.instance.kind, self.instance.address, self.stored)
        self._spread()

    def _spread(self) -> None:
        """Show stored parameters in their own fields, the rest as JSON, header values hidden."""
        rest = dict(self.stored)
        kind = self.instance.kind
        for name in OWN_FIELDS[ProbeKind(kind)] if kind else ():
            self.initial[name] = rest.pop(name, None)
        if rest.get("headers"):
            rest["headers"] = dict.fromkeys(rest["headers"], HIDDEN)
        self.initial["params"] = rest or None

    @staticmethod
    def _goal(kind: str, address: str, params: dict[str, Any]) -> tuple[str, str, int | None]:
        """What is contacted: scheme or probe, host, port; the host is empty for no URL."""
        if kind == ProbeKind.DNS:
            return kind, str(params.get("server", "")), params.get("port")
        if kind != ProbeKind.HTTP:
            return kind, address, params.get("port")
        try:
            url: httpx.URL = parse_url(address)
        except ValueError:
            return kind, "", None
        return url.scheme, url.host, url.port

    def clean(self) -> dict[str, Any]:
        """Owner, parameters and address as the engine and the policy want them."""
        data = super().clean()
        self._check_owner(data)
        if {"kind", "address", "params"} <= data.keys() and not self.errors:
            data["params"] = self._gather(data)
            if not self.errors:
                self._check_measurable(data)
            if not self.errors:
                self._check_allowed(data)
        return data

    def _check_owner(self, data: dict[str, Any]) -> None:
        owners = [name for name in ("access_point", "device", "unit") if data.get(name)]
        for name in owners[1:]:
            self.add_error(name, _("A target belongs to one object; leave the others empty."))
        if data.get("reference") and owners:
            self.add_error("reference", _("A reference target belongs to no object."))

    def _gather(self, data: dict[str, Any]) -> dict[str, Any]:
        """One set of parameters out of the kind's own fields and the JSON."""
        params = data["params"] or {}
        if not isinstance(params, dict):
            self.add_error("params", _('Write a JSON object: {"name": value}.'))
            return {}
        params = dict(params)
        for name in OWN_FIELDS[ProbeKind(data["kind"])]:
            if data.get(name):
                params[name] = data[name]
        self._restore_headers(data, params)
        return params

    def _restore_headers(self, data: dict[str, Any], params: dict[str, Any]) -> None:
        """A hidden value means the stored one, but never for another server."""
        headers = params.get("headers")
        if not isinstance(headers, dict) or HIDDEN not in headers.values():
            return
        known = self.stored.get("headers", {})
        same = self._goal(data["kind"], data["address"], params) == self.stored_goal
        hidden = [name for name, value in headers.items() if value == HIDDEN]
        if not same or any(name not in known for name in hidden):
            self.add_error("params", _("Type the header values again: the server is another one."))
            return
        params["headers"] = {**headers, **{name: known[name] for name in hidden}}

    def _check_measurable(self, data: dict[str, Any]) -> None:
        try:
            check_target(ProbeKind(data["kind"]), data["address"], data["params"])
        except ValueError as error:
            if not isinstance(error.__cause__, ValidationError):
                self.add_error("address", printable(str(error)))
                return
            for problem in error.__cause__.errors(include_input=False, include_context=False):
                name = str(problem["loc"][0]) if problem["loc"] else "params"
                own = name in OWN_FIELDS[ProbeKind(data["kind"])]
                missing = MISSING.get(name) if problem["type"] == "missing" else None
                text = problem["msg"] if own else f"{name}: {problem['msg']}"
                self.add_error(name if own else "params", missing or printable(text))

    def _check_allowed(self, data: dict[str, Any]) -> None:
        """The address is judged when it is new: one accepted before does not stop an edit."""
        if data["params"].get("allow_internal_redirects") and not self.user.sees_everything:
            self.add_error(
                "params", _("Only people who see the whole site may set allow_internal_redirects.")
            )
        goal = self._goal(data["kind"], data["address"], data["params"])
        if self.instance.pk and goal == self.stored_goal:
            return
        try:
            probe_now.judge_target(self.user, goal[1])
        except probe_now.NotPermittedError as error:
            dns = data["kind"] == ProbeKind.DNS
            self.add_error("server" if dns else "address", str(error))
