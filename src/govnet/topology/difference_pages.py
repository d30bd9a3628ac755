"""Ledger against reality: the list, one difference with its decision, and the rounds of reading."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from govnet.accounts.models import User
from govnet.core.export import FORMATS, ExportColumn, download
from govnet.core.imports.filecolumns import guard
from govnet.core.paging import page_of, query_of
from govnet.core.views.base import signed_in
from govnet.inventory.models import Carrier, CircuitKind, Device
from govnet.topology import decisions, sweep
from govnet.topology.differences import Difference, Kind, differences, find, matching
from govnet.topology.models import Sweep, SweepRun

FAILURES_SHOWN = 50


class DifferenceFilter(forms.Form):
    """Differences by kind, text, and whether they were dismissed."""

    q = forms.CharField(
        label=gettext_lazy("Search"),
        required=False,
        max_length=100,
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": gettext_lazy("Device, port, circuit")}
        ),
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"),
        required=False,
        choices=[("", gettext_lazy("Every kind")), *Kind.choices],
    )
    dismissed = forms.ChoiceField(
        label=gettext_lazy("Decision"),
        required=False,
        choices=[("", gettext_lazy("Open")), ("1", gettext_lazy("Dismissed"))],
    )

    def of(self, found: list[Difference]) -> list[Difference]:
        """Those that match; none while the filter is wrong."""
        if not self.is_valid():
            return []
        chosen = self.cleaned_data
        return matching(found, chosen["q"], chosen["kind"], dismissed=bool(chosen["dismissed"]))


class CircuitForm(forms.Form):
    """What the ledger wants to know of a line that was seen."""

    number = forms.CharField(label=gettext_lazy("circuit number"), max_length=60)
    kind = forms.ChoiceField(
        label=gettext_lazy("kind"), choices=CircuitKind.choices, initial=CircuitKind.BACKBONE
    )
    carrier = forms.ModelChoiceField(Carrier.objects.none(), label=gettext_lazy("carrier"))

    def __init__(self, user: User, data: QueryDict | None = None) -> None:
        super().__init__(data)
        field = self.fields["carrier"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Carrier.objects.restrict(user)


class DismissForm(forms.Form):
    """Why a difference stays."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=200,
        help_text=gettext_lazy("For example: the carrier's own equipment stands in between."),
    )


@never_cache
@permission_required("topology.view_neighbour", raise_exception=True)
def difference_list(request: HttpRequest) -> HttpResponseBase:
    """What differs, with the state of the reading; or the same as a file."""
    user = signed_in(request)
    if getattr(request, "htmx", False):
        return render(request, "topology/sweep_state.html", _state(user))
    found = differences(user)
    form = DifferenceFilter(request.GET)
    rows = form.of(found)
    if kind := request.GET.get("format"):
        if kind not in FORMATS:
            raise Http404
        return download(kind, "differences", _("Ledger against reality"), _columns(), rows)
    context = {
        "filter": {"form": form},
        "page": page_of(request, rows),
        "query": query_of(request),
        "counts": [(k, sum(d.kind == k and not d.dismissal for d in found)) for k in Kind],
        **_state(user),
    }
    return render(request, "topology/difference_list.html", context)


def _columns() -> list[ExportColumn]:
    return [
        ExportColumn(_("Kind"), lambda d: str(d.kind.label)),
        ExportColumn(_("Circuit"), lambda d: guard(str(d.circuit or ""))),
        ExportColumn(_("In the ledger"), lambda d: guard(d.ledger)),
        ExportColumn(_("Seen"), lambda d: guard(d.seen)),
        ExportColumn(_("Source"), lambda d: str(d.source)),
        ExportColumn(_("Seen at"), lambda d: d.seen_at.isoformat(timespec="seconds")),
        ExportColumn(_("Dismissed because"), lambda d: guard(_reason(d))),
    ]


def _reason(difference: Difference) -> str:
    return difference.dismissal.reason if difference.dismissal else ""


def _state(user: User) -> dict[str, Any]:
    """How the reading goes: the round under way, the last one, who did not answer."""
    readings = Sweep.objects.filter(device__in=Device.objects.restrict(user))
    silent = readings.exclude(problem="").select_related("device").order_by("device__name")
    return {
        "running": sweep.running(),
        "last_run": SweepRun.objects.exclude(finished_at=None).first(),
        "silent": silent[:FAILURES_SHOWN],
        "answering": readings.filter(problem="").count(),
        "speaking": readings.filter(problem="").exclude(chassis="").count(),
        "may_sweep": user.has_perm("topology.add_sweeprun"),
    }


@never_cache
@permission_required("topology.view_neighbour", raise_exception=True)
def difference(request: HttpRequest, key: str) -> HttpResponse:
    """One difference; posting decides on it."""
    user = signed_in(request)
    item = find(user, key)
    if item is None:
        messages.warning(request, _("This difference is no longer there."))
        return redirect("topology:differences")
    forms_ = _forms(user, item, request.POST if request.method == "POST" else None)
    if request.method == "POST" and _decided(request, user, item, forms_):
        return redirect("topology:differences")
    context = {
        "item": item,
        "may_accept": decisions.may_accept(user, item),
        "may_dismiss": user.has_perm("topology.add_dismissal"),
        **forms_,
    }
    return render(request, "topology/difference.html", context)


def _forms(user: User, item: Difference, data: QueryDict | None) -> dict[str, forms.Form]:
    """Only the form that was sent is bound."""
    act = data.get("act") if data else ""
    found: dict[str, forms.Form] = {"dismiss_form": DismissForm(data if act == "dismiss" else None)}
    if item.line is not None:
        found["circuit_form"] = CircuitForm(user, data if act == "accept" else None)
    return found


def _decided(
    request: HttpRequest, user: User, item: Difference, forms_: dict[str, forms.Form]
) -> bool:
    """Do what was asked; False when a form is wrong.

    Raises:
        PermissionDenied: the person may not decide this.
    """
    act = request.POST.get("act")
    if act == "accept" and decisions.may_accept(user, item):
        return _accepted(request, item, forms_)
    if act == "restore" and user.has_perm("topology.delete_dismissal"):
        decisions.restore(item)
        return True
    if act == "dismiss" and user.has_perm("topology.add_dismissal"):
        form = forms_["dismiss_form"]
        if form.is_valid():
            decisions.dismiss(user, item, form.cleaned_data["reason"])
            messages.success(request, _("Dismissed; it comes back when something changes."))
            return True
        return False
    raise PermissionDenied


def _accepted(request: HttpRequest, item: Difference, forms_: dict[str, forms.Form]) -> bool:
    form = forms_.get("circuit_form")
    if form is not None and not form.is_valid():
        return False
    try:
        circuit = decisions.enter(item, **form.cleaned_data) if form else decisions.correct(item)
    except ValidationError as error:
        if form is None:
            messages.error(request, " ".join(error.messages))
        else:
            form.add_error(None, error.messages)
        return False
    messages.success(request, _("The ledger was brought in line: %s") % circuit)
    return True


@require_POST
@permission_required("topology.add_sweeprun", raise_exception=True)
def sweep_now(request: HttpRequest) -> HttpResponse:
    """Queue a round for the worker."""
    if sweep.ask(signed_in(request)) is None:
        messages.info(request, _("A round is under way already."))
    return redirect("topology:differences")
