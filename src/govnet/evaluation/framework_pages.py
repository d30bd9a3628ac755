"""Pages of the frameworks: what is there, and a bureau's own as a YAML file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from govnet.evaluation.catalogue import MAX_BYTES, frameworks, store_framework
from govnet.evaluation.forms import FrameworkForm
from govnet.evaluation.framework import FrameworkError, shipped_frameworks
from govnet.evaluation.models import BureauFramework

if TYPE_CHECKING:
    from govnet.accounts.models import User


def _user(request: HttpRequest) -> User:
    from govnet.accounts.models import User  # noqa: PLC0415  # runtime type of request.user

    assert isinstance(request.user, User)  # LoginRequiredMiddleware let it through
    return request.user


@permission_required("evaluation.view_selfevaluation", raise_exception=True)
def framework_list(request: HttpRequest) -> HttpResponse:
    """Every framework, and the upload of one's own."""
    form = FrameworkForm(request.POST or None, request.FILES or None)
    error = ""
    if request.method == "POST":
        if not request.user.has_perm("evaluation.add_bureauframework"):
            raise PermissionDenied
        if form.is_valid():
            file = form.cleaned_data["file"]
            try:
                stored = store_framework(file.read(MAX_BYTES + 1), file.name, _user(request))
            except FrameworkError as refused:
                error = str(refused)
            else:
                messages.success(request, _("The framework “%s” was stored.") % stored)
                return redirect("evaluation:framework_list")
    shipped = shipped_frameworks()
    context = {
        "form": form,
        "error": error,
        "frameworks": [
            (each, shipped.get(each.id) is each, sum(1 for _leaf in each.leaves()))
            for each in frameworks().values()
        ],
        "versions": BureauFramework.objects.select_related("uploaded_by").defer("text"),
    }
    return render(request, "evaluation/framework_list.html", context)


@permission_required("evaluation.view_selfevaluation", raise_exception=True)
def framework(request: HttpRequest, id_: str) -> HttpResponse:
    """A framework's tree with its standards."""
    found = frameworks().get(id_)
    if found is None:
        raise Http404
    return render(request, "evaluation/framework.html", {"framework": found})
