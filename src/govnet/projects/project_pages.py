"""Pages of projects: plan of milestones, budget, documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from govnet.core.uploads import UploadError
from govnet.core.views.base import signed_in
from govnet.projects import documents, forms, services
from govnet.projects.finance import workbook
from govnet.projects.models import Contract, Document, Project
from govnet.projects.services import ProjectError

if TYPE_CHECKING:
    from django.forms import BaseForm

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def project_of(request: HttpRequest, pk: int) -> Project:
    """A project in the person's scope; 404 outside of it."""
    return get_object_or_404(Project.objects.restrict(signed_in(request)), pk=pk)


def tell(request: HttpRequest, form: BaseForm) -> None:
    """Every error of a small form as a message."""
    for name, errors in form.errors.items():
        label = form.fields[name].label if name in form.fields else ""
        messages.error(request, f"{label}: {' '.join(map(str, errors))}".removeprefix(": "))


def form_page(
    request: HttpRequest, form: BaseForm, title: str, back: str, status: int = 200
) -> HttpResponse:
    """A form with a page of its own."""
    context: dict[str, Any] = {"form": form, "title": title, "back": back}
    return render(request, "projects/form.html", context, status=422 if form.errors else status)


def attachment(content: bytes, name: str, kind: str = "application/octet-stream") -> HttpResponse:
    """A file to be saved, never shown by the browser."""
    response = HttpResponse(content, content_type=kind)
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    response["X-Content-Type-Options"] = "nosniff"
    return response


@permission_required("projects.change_project", raise_exception=True)
def plan(request: HttpRequest, pk: int) -> HttpResponse:
    """The planned days of the milestones."""
    project = project_of(request, pk)
    initial = {row.kind: row.planned_on for row in project.milestones.all()}
    form = forms.PlanForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            services.plan_milestones(project, form.cleaned_data)
        except ProjectError as error:
            form.add_error(None, error.note.localized())
        else:
            messages.success(request, _("Saved."))
            return redirect(project)
    return form_page(
        request, form, f"{_('Plan of the milestones')} · {project}", project.get_absolute_url()
    )


@require_POST
@permission_required("projects.change_project", raise_exception=True)
def reach(request: HttpRequest, pk: int) -> HttpResponse:
    """Record the day of a milestone."""
    project = project_of(request, pk)
    form = forms.ReachForm(request.POST)
    if not form.is_valid():
        tell(request, form)
        return redirect(project)
    try:
        milestone = services.reach_milestone(
            project, form.cleaned_data["kind"], form.cleaned_data["day"]
        )
    except ProjectError as error:
        messages.error(request, error.note.localized())
    else:
        messages.success(request, f"{milestone}: {milestone.reached_on}")
    return redirect(project)


@permission_required("projects.change_project", raise_exception=True)
def budget_add(request: HttpRequest, pk: int) -> HttpResponse:
    """A new entry in the budget."""
    project = project_of(request, pk)
    form = forms.BudgetForm(project, request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.instance.entered_by = signed_in(request)
        form.save()
        messages.success(request, _("Saved."))
        return redirect(project)
    return form_page(
        request, form, f"{_('New budget entry')} · {project}", project.get_absolute_url()
    )


@permission_required("projects.change_project", raise_exception=True)
def carry(request: HttpRequest, pk: int) -> HttpResponse:
    """Carry what a year left into the next."""
    project, user = project_of(request, pk), signed_in(request)
    form = forms.CarryForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            left = services.carry_over(project, data["year"], data["source"], data["reason"], user)
        except ProjectError as error:
            form.add_error(None, error.note.localized())
        else:
            messages.success(request, _("%s yuan carried over.") % f"{left:,.2f}")
            return redirect(project)
    return form_page(request, form, f"{_('Carry over')} · {project}", project.get_absolute_url())


@require_POST
@permission_required("projects.change_project", raise_exception=True)
def upload(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep a document of a project, or of one of its contracts."""
    project = project_of(request, pk)
    contract = None
    if request.POST.get("contract", "").isdecimal():
        contracts = Contract.objects.restrict(signed_in(request)).filter(lot__project=project)
        contract = get_object_or_404(contracts, pk=int(request.POST["contract"]))
    form = forms.UploadForm(request.POST, request.FILES)
    back = redirect(contract or project)
    if not form.is_valid():
        tell(request, form)
        return back
    document = form.save(commit=False)
    document.project, document.contract = project, contract
    try:
        with transaction.atomic():
            documents.store(document, form.cleaned_data["file"], signed_in(request))
    except UploadError as error:
        messages.error(request, error.note.localized())
    else:
        messages.success(request, _("“%s” saved.") % document)
    return back


@permission_required("projects.view_document", raise_exception=True)
def document(request: HttpRequest, pk: int) -> HttpResponse:
    """Download a document, after comparing it with its checksum."""
    visible = Document.objects.restrict(signed_in(request)).select_related("project", "contract")
    found = get_object_or_404(visible, pk=pk)
    try:
        content = documents.read(found)
    except UploadError as error:
        return HttpResponse(error.note.localized(), status=409, content_type="text/plain")
    return attachment(content, found.file_name)


@permission_required("projects.view_project", raise_exception=True)
def finance(request: HttpRequest, pk: int) -> HttpResponse:
    """Budget, spending and payments of a project as a workbook."""
    project = project_of(request, pk)
    return attachment(workbook(project), f"{project.code}.xlsx", XLSX)
