"""Adding, editing and deleting targets."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from govnet.accounts.models import User
from govnet.core.forms import ObjectForm
from govnet.dashboards.target_forms import BY_HAND, GeneratedTargetForm, LineTargetForm, TargetForm
from govnet.engine.result import ProbeKind
from govnet.monitor.models import Target


def _answer(request: HttpRequest, form: ObjectForm, target: Target | None) -> HttpResponse:
    """Save what is right and go to the target's page, else show the form with its errors."""
    if request.method == "POST" and form.is_valid():
        saved = form.save()
        messages.success(request, _("The target “%s” is saved.") % saved)
        return redirect("dashboards:target", saved.pk)
    return render(request, "monitor/target_form.html", {"form": form, "target": target})


@never_cache
@permission_required("monitor.add_target", raise_exception=True)
def target_add(request: HttpRequest) -> HttpResponse:
    """A new target; ``?reference=1`` begins a reference target of the probe point."""
    assert isinstance(request.user, User)
    form = TargetForm(
        request.POST if request.method == "POST" else None,
        user=request.user,
        initial={"reference": "reference" in request.GET},
    )
    return _answer(request, form, None)


@never_cache
@permission_required("monitor.change_target", raise_exception=True)
def target_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """A target; of one that the ledger made, only how it is measured."""
    assert isinstance(request.user, User)
    target = get_object_or_404(Target.objects.restrict(request.user), pk=pk)
    data = request.POST if request.method == "POST" else None
    # A second copy: the form writes into the one it is given, also when that is wrong.
    shown = get_object_or_404(Target, pk=pk)
    form_class: type[ObjectForm] = GeneratedTargetForm
    if target.kind == ProbeKind.LINE:
        form_class = LineTargetForm
    elif target.key is None and target.kind in BY_HAND:
        form_class = TargetForm
    return _answer(request, form_class(data, user=request.user, instance=target), shown)


@never_cache
@permission_required("monitor.delete_target", raise_exception=True)
def target_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask, then delete; a generated target would come back, so it has no such page."""
    assert isinstance(request.user, User)
    rows = Target.objects.restrict(request.user).filter(key=None)
    target = get_object_or_404(rows, pk=pk)
    if request.method == "POST":
        name = target.name
        target.delete()
        messages.success(request, _("The target “%s” is deleted.") % name)
        return redirect("dashboards:target_list")
    return render(request, "monitor/target_delete.html", {"target": target})
