"""Imports: upload or paste, preview with errors, apply with progress, undo."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, ClassVar

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils.decorators import method_decorator
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST

from govnet.core import jobs
from govnet.core.forms import UploadForm
from govnet.core.imports.sheet import MAX_BYTES, too_large
from govnet.core.models import ImportPayload, ImportRun, ImportStatus, forget_old_files
from govnet.core.registry import Resource, find_resource
from govnet.core.views.base import ObjectView, render, signed_in

OVERHEAD = 256 * 1024
"""What a form adds to the file that it carries."""


@method_decorator(csrf_exempt, name="dispatch")
class ObjectImport(ObjectView):
    """The page that takes a file.

    Looking for the CSRF token reads the whole body, so the size is looked at first: 100 MB
    are refused by their announcement. ``_protected`` checks the token after that.
    """

    actions: ClassVar[tuple[str, ...]] = ("add", "change")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Refuse what is too large before anything of it is read."""
        try:
            announced = int(request.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            announced = 0
        if announced > MAX_BYTES + OVERHEAD:
            return self._refuse(request)
        return self._protected(request, *args, **kwargs)

    @method_decorator(csrf_protect)
    def _protected(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return super().dispatch(request, *args, **kwargs)

    def _refuse(self, request: HttpRequest) -> HttpResponse:
        if not any(self.may(action) for action in self.actions):
            raise PermissionDenied
        form = UploadForm()
        context = self.context(form=form, columns=self.resource.columns, refusal=too_large())
        response = TemplateResponse(
            request, "core/import.html", context, status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        )
        # The rest of the body is not read, so the connection cannot be used again.
        response["Connection"] = "close"
        return response

    def get(self, request: HttpRequest) -> HttpResponse:
        """The form, with the columns that a file may have."""
        return self._page(request, UploadForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        """Take the file and queue its check."""
        form = UploadForm(request.POST, request.FILES)
        if form.is_valid():
            content, name = _content(form.cleaned_data)
            if len(content) <= MAX_BYTES:
                run = start_import(self.resource, self.user, content, name)
                return redirect("core:import_run", pk=run.pk)
            form.add_error("file", too_large())
        return self._page(request, form, status=422)

    def _page(self, request: HttpRequest, form: UploadForm, status: int = 200) -> HttpResponse:
        context = self.context(form=form, columns=self.resource.columns)
        return TemplateResponse(request, "core/import.html", context, status=status)


def _content(data: dict[str, Any]) -> tuple[bytes, str]:
    """The bytes of the upload or of the pasted text, and what to call them."""
    file = data.get("file")
    if file is None:
        return data["pasted"].encode("utf-8", "replace"), _("pasted rows")
    return (file.read() if file.size <= MAX_BYTES else b"\0" * (MAX_BYTES + 1)), file.name[:200]


@transaction.atomic
def start_import(resource: Resource, user: Any, content: bytes, filename: str) -> ImportRun:
    """Keep a file and queue its check."""
    forget_old_files()
    run = ImportRun.objects.create(
        user=user, model=resource.label, filename=filename, language=get_language() or "zh-hans"
    )
    ImportPayload.objects.create(run=run, content=ImportPayload.seal(content))
    jobs.start(run, jobs.check_import)
    return run


# ---- Runs -----------------------------------------------------------------------------------


def _run_or_404(request: HttpRequest, pk: int) -> tuple[ImportRun, Resource]:
    user = signed_in(request)
    run = get_object_or_404(ImportRun.objects.restrict(user).select_related("user"), pk=pk)
    resource = find_resource(run.model)
    if resource is None or not user.has_perm(resource.permission("view")):
        raise PermissionDenied
    return run, resource


def import_run(request: HttpRequest, pk: int) -> HttpResponse:
    """An import: progress while a job runs, then errors or the preview."""
    run, resource = _run_or_404(request, pk)
    user = signed_in(request)
    context = {
        "run": run,
        "resource": resource,
        "interrupted": jobs.interrupted(run),
        "no_worker": jobs.waiting_for_worker(run),
        "may_apply": user.pk == run.user_id,
        "list_url": resource.url("list"),
    }
    return render(request, "core/import_run.html", "core/partials/import_run.html", context)


def import_list(request: HttpRequest) -> HttpResponse:
    """The imports that the person may see, newest first."""
    user = signed_in(request)
    if not user.has_perm("core.view_importrun"):
        raise PermissionDenied
    runs = ImportRun.objects.restrict(user).select_related("user").defer("errors", "preview")
    page = Paginator(runs, 50).get_page(request.GET.get("page"))
    rows = [(run, find_resource(run.model)) for run in page]
    return TemplateResponse(request, "core/import_list.html", {"page": page, "rows": rows})


def _own_run_or_404(request: HttpRequest, pk: int) -> tuple[ImportRun, Resource]:
    """Only who sent the file may have it written: it is checked with that person's rights."""
    run, resource = _run_or_404(request, pk)
    if run.user_id != signed_in(request).pk:
        raise PermissionDenied
    return run, resource


@require_POST
def import_apply(request: HttpRequest, pk: int) -> HttpResponse:
    """Have a checked file written."""
    run, _resource = _own_run_or_404(request, pk)
    return _continue(request, run, ImportStatus.READY, ImportStatus.APPLYING, jobs.apply_import)


@require_POST
def import_undo(request: HttpRequest, pk: int) -> HttpResponse:
    """Have an applied import taken back."""
    run, _resource = _own_run_or_404(request, pk)
    return _continue(request, run, ImportStatus.APPLIED, ImportStatus.UNDOING, jobs.undo_import)


@transaction.atomic
def _continue(
    request: HttpRequest, run: ImportRun, old: ImportStatus, new: ImportStatus, job: Any
) -> HttpResponse:
    if run.move(old, new):
        ImportRun.objects.filter(pk=run.pk).update(rows_done=0, task_id="", message="")
        jobs.start(run, job)
    else:
        messages.error(request, _("The import is not in a state that allows this."))
    return redirect("core:import_run", pk=run.pk)


@require_POST
def import_discard(request: HttpRequest, pk: int) -> HttpResponse:
    """Forget a file that was not applied."""
    run, resource = _own_run_or_404(request, pk)
    if any(
        run.move(old, ImportStatus.DISCARDED) for old in (ImportStatus.READY, ImportStatus.CHECKING)
    ):
        ImportPayload.objects.filter(run=run).update(content=None)
        ImportRun.objects.filter(pk=run.pk).update(preview=[])
    return redirect(resource.url("list"))
