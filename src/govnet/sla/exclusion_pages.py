"""Pages of exclusions: propose with proof, approve by another person; schedules of statements."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Final
from urllib.parse import quote

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from govnet.core.uploads import UploadError, verified
from govnet.core.views.base import signed_in
from govnet.sla.exclusions import WITHDRAWABLE, DecisionError, decide, propose
from govnet.sla.forms import ExclusionForm, ScheduleForm
from govnet.sla.models import Exclusion, ExclusionStatus, StatementSchedule

PAGE: Final = 50


@permission_required("sla.view_exclusion", raise_exception=True)
def exclusion_list(request: HttpRequest) -> HttpResponse:
    """Exclusions that the person may see, those that wait for a decision first."""
    rows = Exclusion.objects.restrict(signed_in(request)).select_related(
        *Exclusion.OBJECT_FIELDS, "proposed_by", "decided_by"
    )
    status = request.GET.get("status", "")
    if status in ExclusionStatus.values:
        rows = rows.filter(status=status)
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "statuses": ExclusionStatus.choices,
        "status": status,
        "query": f"status={quote(status)}",
    }
    return render(request, "sla/exclusion_list.html", context)


@permission_required("sla.add_exclusion", raise_exception=True)
def exclusion_add(request: HttpRequest) -> HttpResponse:
    """Propose an exclusion."""
    user = signed_in(request)
    form = ExclusionForm(request.POST or None, request.FILES or None, user=user)
    if request.method == "POST" and form.is_valid():
        try:
            made = propose(form.exclusion(), form.cleaned_data["proof"], user)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("Proposed. It counts once another person approves it."))
            return redirect(made)
    status = 422 if form.errors else 200
    return render(request, "sla/exclusion_form.html", {"form": form}, status=status)


def _exclusion(request: HttpRequest, pk: int) -> Exclusion:
    visible = Exclusion.objects.restrict(signed_in(request))
    related = (*Exclusion.OBJECT_FIELDS, "proposed_by", "decided_by")
    return get_object_or_404(visible.select_related(*related), pk=pk)


@permission_required("sla.view_exclusion", raise_exception=True)
def exclusion_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One exclusion with its proof and what may be decided."""
    found = _exclusion(request, pk)
    may = request.user.has_perm("sla.change_exclusion")
    others = found.proposed_by_id != request.user.pk
    waiting = found.status == ExclusionStatus.PROPOSED
    context = {
        "exclusion": found,
        "may_decide": may and others and waiting,
        "own": may and waiting and not others,
        "may_withdraw": may and found.status in WITHDRAWABLE,
    }
    return render(request, "sla/exclusion.html", context)


@require_POST
@permission_required("sla.change_exclusion", raise_exception=True)
def exclusion_decide(request: HttpRequest, pk: int, status: str) -> HttpResponse:
    """Approve, reject or withdraw."""
    found = _exclusion(request, pk)
    if status not in ExclusionStatus.values or status == ExclusionStatus.PROPOSED:
        return HttpResponse(status=404)
    reason = request.POST.get("reason", "")[:300]
    try:
        decide(found, ExclusionStatus(status), reason, signed_in(request))
    except DecisionError as error:
        messages.error(request, str(error))
    return redirect(found)


@permission_required("sla.view_exclusion", raise_exception=True)
def exclusion_proof(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The proof as it was handed in, always as a download, never shown by the browser."""
    found = _exclusion(request, pk)
    try:
        content = verified(found.proof, found.proof_digest)
    except UploadError as error:
        return HttpResponse(error.note.localized(), status=409, content_type="text/plain")
    suffix = Path(found.proof.name or "").suffix
    return FileResponse(BytesIO(content), as_attachment=True, filename=f"{found}{suffix}")


@permission_required("sla.view_statementschedule", raise_exception=True)
def schedule_list(request: HttpRequest) -> HttpResponse:
    """Which statements come by themselves; a new one is added below."""
    form = ScheduleForm(request.POST or None)
    if request.method == "POST":
        if not request.user.has_perm("sla.add_statementschedule"):
            return HttpResponse(status=403)
        if form.is_valid():
            form.save()
            messages.success(request, _("Saved."))
            return redirect("sla:schedule_list")
    context = {"schedules": StatementSchedule.objects.all(), "form": form}
    status = 422 if form.errors else 200
    return render(request, "sla/schedule_list.html", context, status=status)


@require_POST
@permission_required("sla.change_statementschedule", raise_exception=True)
def schedule_switch(request: HttpRequest, pk: int) -> HttpResponse:
    """Switch a schedule on or off; what was issued stays."""
    del request
    found = get_object_or_404(StatementSchedule, pk=pk)
    found.enabled = not found.enabled
    found.save()
    return redirect("sla:schedule_list")
