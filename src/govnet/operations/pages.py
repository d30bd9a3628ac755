"""Pages of work orders: the list, opening one, one order with its clocks and steps."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from govnet.accounts.models import User
from govnet.alarms.choices import Level
from govnet.alarms.models import Alarm
from govnet.core.errors import ToldError
from govnet.core.registry import get_resource
from govnet.core.uploads import UploadError, verified
from govnet.core.views.base import signed_in
from govnet.core.views.lists import ObjectList
from govnet.operations import evidence, services
from govnet.operations.choices import Action, Source
from govnet.operations.forms import FORMS, WorkOrderForm
from govnet.operations.models import OrderPause, WorkOrder
from govnet.operations.overdue import limits

MAY_OPEN = ("operations.add_workorder", "operations.report_workorder")


class WorkOrderList(ObjectList):
    """The list of work orders."""

    page = "operations/list.html"

    def rights(self) -> dict[str, bool]:
        """Orders are opened on a page of their own, changed by steps and never deleted."""
        return {"view": True, "add": False, "change": False, "delete": False}

    def context(self, **more: Any) -> dict[str, Any]:  # noqa: ANN401  # as the base
        """Says whether the person may open one."""
        return super().context(may_open=may_open(self.user), **more)


def may_open(user: User) -> bool:
    """True when a person may open orders."""
    return any(user.has_perm(permission) for permission in MAY_OPEN)


def _order_or_404(request: HttpRequest, pk: int) -> WorkOrder:
    user = signed_in(request)
    if not user.has_perm("operations.view_workorder"):
        raise PermissionDenied
    rows = get_resource(WorkOrder).rows(user)
    found: WorkOrder | None = rows.filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


@never_cache
def order_add(request: HttpRequest) -> HttpResponse:
    """Report a fault: by hand, for who called, or as the unit itself."""
    user = signed_in(request)
    if not may_open(user):
        raise PermissionDenied
    form = WorkOrderForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        order = form.instance
        if "source" not in form.fields:
            order.source, order.level = Source.UNIT, Level.MINOR
            order.reported_at = timezone.now()
        services.open_order(order, user)
        evidence.collect(order)
        messages.success(request, _("Work order %s is opened.") % order.number)
        return redirect(order)
    status = 422 if form.errors else 200
    return render(request, "operations/add.html", {"form": form}, status=status)


@require_POST
def order_from_alarm(request: HttpRequest, alarm: int) -> HttpResponse:
    """Open an order for an alarm's fault."""
    user = signed_in(request)
    if not user.has_perm("operations.add_workorder"):
        raise PermissionDenied
    about = get_object_or_404(Alarm.objects.restrict(user), pk=alarm)
    try:
        order = services.open_from_alarm(about, user)
    except services.OrderError as error:
        messages.error(request, error.note.localized())
        return redirect(about)
    evidence.collect(order)
    messages.success(request, _("Work order %s is opened.") % order.number)
    return redirect(order)


@never_cache
@require_safe
def order(request: HttpRequest, pk: int) -> HttpResponse:
    """One order: what, who, the clocks, the next step, history and evidence."""
    shown = _order_or_404(request, pk)
    return render(request, "operations/order.html", _context(request, shown))


def _context(request: HttpRequest, shown: WorkOrder, wrong: Form | None = None) -> dict[str, Any]:
    user = signed_in(request)
    steps = services.possible(shown, user)
    return {
        "order": shown,
        "clocks": shown.clocks(limits().get(shown.level)),
        "entries": shown.entries.select_related("actor"),
        "pauses": shown.pauses.select_related("by"),
        "evidence": shown.evidence.all(),
        "steps": [(action, action.label, _form(action, shown)) for action in steps],
        "wrong": wrong,
        "may_collect": user.has_perm("operations.change_workorder") and shown.is_open,
    }


def _form(action: Action, shown: WorkOrder) -> Form:
    initial = {
        "cause": shown.cause,
        "party": shown.party,
        "contractor": shown.contractor_id,
    }
    return FORMS[action](initial=initial, prefix=action.value)


@require_POST
def order_step(request: HttpRequest, pk: int, action: str) -> HttpResponse:
    """Take one step; what is refused is told, and what was typed stays."""
    shown = _order_or_404(request, pk)
    user = signed_in(request)
    if action not in Action.values:
        raise Http404
    chosen = Action(action)
    if not services.may(user, chosen):
        raise PermissionDenied
    form = FORMS[chosen](request.POST, request.FILES, prefix=chosen.value)
    if not form.is_valid():
        context = {**_context(request, shown, form), "wrong_action": chosen}
        return render(request, "operations/order.html", context, status=422)
    try:
        _do(shown, chosen, user, dict(form.cleaned_data))
    except ToldError as error:
        messages.error(request, error.note.localized())
    else:
        messages.success(request, _("Done: %s") % chosen.label)
    return redirect(shown)


def _do(shown: WorkOrder, action: Action, user: User, data: dict[str, Any]) -> None:
    text = data.pop("text", "")
    if action == Action.COMMENT:
        services.comment(shown, user, text)
    elif action == Action.PAUSE:
        services.pause(shown, user, data["reason"], text, data["proof"])
    elif action == Action.RESUME:
        services.resume(shown, user, text)
    else:
        services.take(shown, action, user, text, **data)
    if action == Action.RESTORE:
        evidence.collect(shown)


@require_POST
def order_collect(request: HttpRequest, pk: int) -> HttpResponse:
    """Put the evidence together once more: the store may not have answered before."""
    shown = _order_or_404(request, pk)
    if not request.user.has_perm("operations.change_workorder"):
        raise PermissionDenied
    found = evidence.collect(shown)
    messages.success(request, _("New pieces of evidence: %d") % len(found))
    return redirect(shown)


@require_safe
def order_proof(request: HttpRequest, pk: int, pause: int) -> HttpResponseBase:
    """The proof of a pause, to whoever may see the order."""
    shown = _order_or_404(request, pk)
    found = get_object_or_404(OrderPause, pk=pause, order=shown)
    try:
        content = verified(found.proof, found.proof_digest)
    except UploadError as error:
        return HttpResponse(error.note.localized(), status=409, content_type="text/plain")
    return FileResponse(BytesIO(content), as_attachment=True, filename=found.proof_name)
