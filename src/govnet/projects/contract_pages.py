"""Pages of contracts: instalments, gates, deductions, certificates, payments, expiry."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from django import forms as django_forms
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db.models import Count
from django.forms import formset_factory
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from govnet.accounts.models import User
from govnet.core.office import PrintingError
from govnet.core.views.base import signed_in
from govnet.inventory.models import Circuit, LifeCycle
from govnet.projects import certificate as printing
from govnet.projects import due, forms, service_levels, services
from govnet.projects.choices import ContractState
from govnet.projects.models import Contract, Deduction, Gate, GateOverride, Instalment
from govnet.projects.models import PaymentCertificate as Certificate
from govnet.projects.project_pages import attachment, form_page
from govnet.projects.services import PlannedInstalment, ProjectError
from govnet.projects.standing import certificate_room
from govnet.sla.models import Statement

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
FILES: Final[dict[str, tuple[str, Callable[[Certificate], bytes]]]] = {
    "docx": (WORD, printing.render_docx),
    "pdf": ("application/pdf", printing.render_pdf),
}


def _contract(request: HttpRequest, pk: int) -> Contract:
    visible = Contract.objects.restrict(signed_in(request))
    return get_object_or_404(visible.select_related("lot__project", "contractor"), pk=pk)


def _certificate(request: HttpRequest, pk: int) -> Certificate:
    visible = Certificate.objects.restrict(signed_in(request))
    return get_object_or_404(visible.select_related("contract", "instalment", "issued_by"), pk=pk)


def _attempt(request: HttpRequest, action: Callable[[], object], done: str) -> bool:
    """Do something that the rules may refuse; the reason becomes a message."""
    try:
        action()
    except ProjectError as error:
        messages.error(request, error.note.localized())
        return False
    messages.success(request, done)
    return True


@permission_required("projects.view_contract", raise_exception=True)
def expiry(request: HttpRequest) -> HttpResponse:
    """Contracts by the day on which they end, and what the ledger says of its circuits."""
    user, today = signed_in(request), timezone.localdate()
    circuits = Circuit.objects.none()
    if user.has_perm("inventory.view_circuit"):
        circuits = Circuit.objects.restrict(user).exclude(status=LifeCycle.WITHDRAWN)
    ends = circuits.filter(contract_expires_on__lte=today + timedelta(days=due.HORIZONS[-1]))
    grouped = ends.order_by("contract_expires_on").values("contract_number", "contract_expires_on")
    context = {
        "expiries": due.expiries(user, today, days=366),
        "circuits": grouped.annotate(number=Count("pk")),
        "today": today,
    }
    return render(request, "projects/expiry.html", context)


@permission_required("projects.change_contract", raise_exception=True)
def instalments(request: HttpRequest, pk: int) -> HttpResponse:
    """The plan of a draft's instalments with their gates."""
    contract = _contract(request, pk)
    if contract.state != ContractState.DRAFT:
        messages.error(request, _("Only a draft's instalments can be changed."))
        return redirect(contract)
    factory = formset_factory(
        forms.InstalmentForm, extra=0 if contract.instalments.exists() else 3, can_delete=True,
        max_num=60, validate_max=True,
    )  # fmt: skip
    formset: Any = factory(request.POST or None, initial=_initial(contract))
    if request.method == "POST" and formset.is_valid():
        rows = [form for form in formset if _filled(form)]
        plan = [
            PlannedInstalment(
                form.cleaned_data["name"],
                form.cleaned_data["amount"],
                form.cleaned_data["due_on"],
                form.cleaned_data["retention"],
                form.chosen_gates(),
            )
            for form in rows
        ]
        done = _("Instalments saved.")
        if _attempt(request, lambda: services.plan_instalments(contract, plan), done):
            return redirect(contract)
    context = {"contract": contract, "formset": formset}
    status = 422 if request.method == "POST" else 200
    return render(request, "projects/instalments.html", context, status=status)


def _filled(form: Any) -> bool:  # noqa: ANN401  # a form of the formset
    return bool(form.cleaned_data) and not form.cleaned_data.get("DELETE")


def _initial(contract: Contract) -> list[dict[str, Any]]:
    rows = []
    for row in contract.instalments.prefetch_related("gates"):
        single = {gate.kind: gate.argument for gate in row.gates.all()}
        rows.append(
            {
                "name": row.name,
                "amount": row.amount,
                "due_on": row.due_on,
                "retention": row.retention,
                "gates": [f"{gate.kind}:{gate.argument}" for gate in row.gates.all()],
                "not_before": single.get("not_before"),
                "availability": single.get("availability"),
            }
        )
    return rows


# ---- Steps of a contract -------------------------------------------------------------------


def _plain_step(change: Callable[[Contract], object]) -> Callable[..., object]:
    return lambda contract, _user, _data: change(contract)


def _deduct(contract: Contract, user: User, data: dict[str, Any]) -> object:
    amount: Decimal = data["amount"]
    return services.deduct_by_hand(contract, data["instalment"], amount, data["reason"], user)


def _renew(contract: Contract, _user: User, data: dict[str, Any]) -> object:
    return services.renew(
        contract, data["number"], data["starts_on"], data["expires_on"], data["amount"]
    )


def _with_reason(change: Callable[[Contract, str], object]) -> Callable[..., object]:
    return lambda contract, _user, data: change(contract, data["reason"])


STEPS: Final[dict[str, tuple[Callable[..., object], type[django_forms.Form] | None]]] = {
    "in-force": (_plain_step(services.put_in_force), None),
    "settle": (_plain_step(services.settle), None),
    "to-draft": (_with_reason(services.back_to_draft), forms.ReasonForm),
    "terminate": (_with_reason(services.terminate), forms.ReasonForm),
    "deduct": (_deduct, forms.DeductForm),
    "renew": (_renew, forms.RenewForm),
}


def _step_title(step: str) -> str:
    return {
        "in-force": _("Put in force"),
        "settle": _("Settle"),
        "to-draft": _("Back to draft"),
        "terminate": _("Terminate"),
        "deduct": _("Deduct by hand"),
        "renew": _("Renew"),
    }[step]


@permission_required("projects.change_contract", raise_exception=True)
def move(request: HttpRequest, pk: int, step: str) -> HttpResponse:
    """A step of a contract: at once, or after a form that asks what the step needs."""
    if step not in STEPS:
        raise Http404
    contract, user = _contract(request, pk), signed_in(request)
    change, form_class = STEPS[step]
    title = _step_title(step)
    if form_class is None:
        if request.method == "POST":
            _attempt(request, lambda: change(contract, user, {}), f"{title}: {contract}")
        return redirect(contract)
    data = request.POST or None
    form = forms.DeductForm(contract, data) if step == "deduct" else form_class(data)
    if request.method == "POST" and form.is_valid():
        try:
            change(contract, user, form.cleaned_data)
        except ProjectError as error:
            form.add_error(None, error.note.localized())
        else:
            messages.success(request, f"{title}: {contract}")
            return redirect(contract)
    return form_page(request, form, f"{title} · {contract}", contract.get_absolute_url())


# ---- Gates and deductions ------------------------------------------------------------------


@require_POST
@permission_required("projects.change_contract", raise_exception=True)
def override(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask that an unmet gate be passed."""
    gate = get_object_or_404(Gate.objects.select_related("instalment__contract"), pk=pk)
    contract = _contract(request, gate.instalment.contract_id)
    reason = request.POST.get("reason", "")[:300]
    _attempt(
        request,
        lambda: services.request_override(gate, reason, signed_in(request)),
        _("Asked. Another person must approve."),
    )
    return redirect(contract)


@require_POST
@permission_required("projects.approve_gateoverride", raise_exception=True)
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Approve or refuse an override."""
    rows = GateOverride.objects.select_related("gate__instalment__contract")
    found = get_object_or_404(rows, pk=pk)
    contract = _contract(request, found.gate.instalment.contract_id)
    approve = "approve" in request.POST
    _attempt(
        request,
        lambda: services.decide_override(found, signed_in(request), approve=approve),
        _("Approved.") if approve else _("Refused."),
    )
    return redirect(contract)


@require_POST
@permission_required("projects.change_contract", raise_exception=True)
def propose(request: HttpRequest, pk: int) -> HttpResponse:
    """Compute the deduction of a statement's period and propose it."""
    contract, user = _contract(request, pk), signed_in(request)
    wanted = {name: request.POST.get(name, "") for name in ("statement", "instalment")}
    if not all(text.isdecimal() for text in wanted.values()):
        raise Http404
    statement = get_object_or_404(Statement.objects.restrict(user), pk=int(wanted["statement"]))
    instalment = get_object_or_404(contract.instalments.all(), pk=int(wanted["instalment"]))
    try:
        found = service_levels.deduct(statement, instalment, user)
    except ProjectError as error:
        messages.error(request, error.note.localized())
    else:
        text = _("Proposed: %s") % found.formula if found else _("The table asks for no deduction.")
        messages.success(request, text)
    return redirect(contract)


@require_POST
@permission_required("projects.change_contract", raise_exception=True)
def deduction_decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Confirm or waive a proposed deduction."""
    user = signed_in(request)
    visible = Deduction.objects.restrict(user).select_related("contract")
    found = get_object_or_404(visible, pk=pk)
    confirm, reason = "confirm" in request.POST, request.POST.get("reason", "")[:200]
    _attempt(
        request,
        lambda: services.decide_deduction(found, user, confirm=confirm, reason=reason),
        _("Confirmed.") if confirm else _("Waived."),
    )
    return redirect(found.contract)


# ---- Certificates and payments -------------------------------------------------------------


@require_POST
@permission_required("projects.change_contract", raise_exception=True)
def certify(request: HttpRequest, pk: int) -> HttpResponse:
    """Issue the payment certificate of an instalment."""
    user = signed_in(request)
    rows = Instalment.objects.restrict(user).select_related("contract")
    instalment = get_object_or_404(rows, pk=pk)
    try:
        issued = services.certify(instalment, user)
    except ProjectError as error:
        messages.error(request, error.note.localized())
        return redirect(instalment.contract)
    return redirect("projects:certificate", issued.pk)


@permission_required("projects.view_paymentcertificate", raise_exception=True)
def certificate(request: HttpRequest, pk: int) -> HttpResponse:
    """A certificate as it was issued, with what was paid on it."""
    found = _certificate(request, pk)
    context = {
        "certificate": found,
        "numbers": found.numbers,
        "payments": found.payments.all(),
        "room": certificate_room(found),
        "may_change": request.user.has_perm("projects.change_contract"),
    }
    return render(request, "projects/certificate.html", context)


@permission_required("projects.view_paymentcertificate", raise_exception=True)
def certificate_file(request: HttpRequest, pk: int, kind: str) -> HttpResponse:
    """A certificate as Word or PDF."""
    found = _certificate(request, pk)
    if kind not in FILES:
        raise Http404
    content_type, make = FILES[kind]
    try:
        return attachment(make(found), f"{found.number}.{kind}", content_type)
    except PrintingError as error:
        messages.error(request, error.note.localized())
        return redirect("projects:certificate", pk)


@require_POST
@permission_required("projects.change_contract", raise_exception=True)
def void(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a certificate back."""
    found = _certificate(request, pk)
    reason = request.POST.get("reason", "")[:300]
    _attempt(
        request, lambda: services.void_certificate(found, reason), _("The certificate is void.")
    )
    return redirect("projects:certificate", pk)


@permission_required("projects.change_contract", raise_exception=True)
def pay(request: HttpRequest, pk: int) -> HttpResponse:
    """Record a payment on a certificate."""
    found = _certificate(request, pk)
    form = forms.PaymentForm(
        request.POST or None,
        initial={"amount": certificate_room(found), "content": found.instalment.name},
    )
    if request.method == "POST" and form.is_valid():
        try:
            services.pay(found, **form.cleaned_data, user=signed_in(request))
        except ProjectError as error:
            form.add_error(None, error.note.localized())
        else:
            messages.success(request, _("Payment recorded."))
            return redirect(found.contract)
    title = _("Payment on certificate %s") % found.number
    return form_page(request, form, title, found.contract.get_absolute_url())
