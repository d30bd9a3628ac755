"""The page that runs one probe now and shows its full exchange."""

from __future__ import annotations

from typing import Any, Final

import structlog
from django import forms
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from prometheus_client import Counter
from pydantic import ValidationError

from govnet.accounts.models import User
from govnet.dashboards import probe_now
from govnet.engine.result import Outcome, ProbeKind, Result
from govnet.engine.safety import printable
from govnet.monitor.models import Target

log = structlog.get_logger()

PROBED: Final = tuple(kind for kind in ProbeKind if kind is not ProbeKind.LINE)
RUNS = Counter("govnet_web_probes_total", "Probes run by hand", ["kind", "outcome"])

RECORD_TYPES = ("A", "AAAA", "CNAME", "MX", "NS", "SOA", "TXT", "PTR")
STATES = {
    Outcome.OK: "up",
    Outcome.DEGRADED: "degraded",
    Outcome.FAILED: "down",
    Outcome.UNKNOWN: "unknown",
}


class ProbeForm(forms.Form):
    """What to probe; the fields that a kind has no use for are ignored."""

    kind = forms.ChoiceField(
        label=gettext_lazy("Probe"), choices=[(kind.value, kind.name) for kind in PROBED]
    )
    address = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=500,
        help_text=gettext_lazy(
            "IP address or host name; a URL for HTTP; the name to ask for with DNS."
            " For example 10.1.2.3 or https://www.example.gov.cn/."
        ),
    )
    port = forms.IntegerField(
        label=gettext_lazy("Port (TCP)"), min_value=1, max_value=65535, required=False
    )
    server = forms.CharField(label=gettext_lazy("Name server (DNS)"), max_length=60, required=False)
    record_type = forms.ChoiceField(
        label=gettext_lazy("Record type (DNS)"),
        choices=[(name, name) for name in RECORD_TYPES],
        required=False,
    )
    timeout_s = forms.FloatField(
        label=gettext_lazy("Timeout (s)"), min_value=0.1, max_value=10, initial=3
    )
    tries = forms.IntegerField(label=gettext_lazy("Tries"), min_value=1, max_value=3, initial=1)

    def clean(self) -> dict[str, Any]:
        """TCP needs a port, DNS a server."""
        cleaned = super().clean() or {}
        if cleaned.get("kind") == ProbeKind.TCP and not cleaned.get("port"):
            self.add_error("port", _("A TCP probe needs a port."))
        if cleaned.get("kind") == ProbeKind.DNS and not cleaned.get("server"):
            self.add_error("server", _("A DNS probe needs a name server."))
        return cleaned

    def params(self) -> dict[str, Any]:
        """The kind's parameters."""
        cleaned = self.cleaned_data
        if cleaned["kind"] == ProbeKind.TCP:
            return {"port": cleaned["port"]}
        if cleaned["kind"] == ProbeKind.DNS:
            return {"server": cleaned["server"], "query_type": cleaned["record_type"] or "A"}
        return {}


def _initial(user: User, request: HttpRequest) -> dict[str, Any]:
    """The form for a target that the person came from."""
    pk = request.GET.get("target", "")
    target = Target.objects.restrict(user).filter(pk=int(pk)).first() if pk.isdecimal() else None
    if target is None:
        return {}
    return {
        "kind": target.kind,
        "address": target.address,
        "port": target.params.get("port"),
        "server": target.params.get("server"),
        "record_type": target.params.get("query_type"),
        "timeout_s": min(target.timeout_s, 10),
    }


def _run(user: User, form: ProbeForm) -> Result | None:
    """The result; None with the reason at the field when the probe was not run."""
    kind = ProbeKind(form.cleaned_data["kind"])
    try:
        goal = probe_now.goal_of(user, kind, form.cleaned_data["address"], form.params())
        result = probe_now.run(
            kind, goal, form.cleaned_data["timeout_s"], form.cleaned_data["tries"]
        )
    except probe_now.NotPermittedError as error:
        form.add_error("server" if kind is ProbeKind.DNS else "address", str(error))
        return None
    except probe_now.BusyError:
        form.add_error(None, _("Four probes run already. Try again in a few seconds."))
        return None
    except ValidationError as error:
        for problem in error.errors():
            form.add_error(None, printable(f"{problem['loc']}: {problem['msg']}"))
        return None
    RUNS.labels(kind.value, result.outcome.name.lower()).inc()
    log.info(
        "probe by hand",
        user=user.username,
        kind=kind.value,
        address=goal.address,
        outcome=result.outcome.name.lower(),
        reason=result.reason,
    )
    return result


@never_cache
@permission_required("monitor.run_probe", raise_exception=True)
def probe(request: HttpRequest) -> HttpResponse:
    """The form; after a POST also the exchange."""
    assert isinstance(request.user, User)
    posted = request.method == "POST"
    form = ProbeForm(request.POST if posted else None, initial=_initial(request.user, request))
    result = _run(request.user, form) if posted and form.is_valid() else None
    context: dict[str, Any] = {"form": form, "result": result}
    if result is not None:
        context["state"] = STATES[result.outcome]
        context["exchange"] = {"phases_ms": result.phases_ms, **result.detail}
    partial = bool(getattr(request, "htmx", False))
    return render(request, "monitor/probe_body.html" if partial else "monitor/probe.html", context)
