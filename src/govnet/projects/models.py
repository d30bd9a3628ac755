"""Projects (项目) → lots (包) → contracts (合同) → instalments (分期) → payments (支付).

Money is 元 as Decimal with two decimals; pages show 万元. What follows from other rows is
derived, not stored: shares, balances, what is payable, whether a gate is met. States change
through ``services``, never through a form.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from govnet.core.querysets import RestrictedQuerySet
from govnet.inventory.models import Circuit, Contractor, Device, LedgerModel, Region, Unit
from govnet.projects.choices import (
    ContractState,
    DeductionState,
    DocumentKind,
    EntryKind,
    MilestoneKind,
    ProjectKind,
    Source,
)

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

POSITIVE: Final = MinValueValidator(Decimal("0.01"))
NOT_NEGATIVE: Final = MinValueValidator(Decimal(0))


def money(label: StrPromise, **kwargs: Any) -> models.DecimalField[Any, Any]:  # noqa: ANN401  # passed on
    """A column of money in 元."""
    return models.DecimalField(label, max_digits=16, decimal_places=2, **kwargs)


def percentage(label: StrPromise, **kwargs: Any) -> models.DecimalField[Any, Any]:  # noqa: ANN401
    """A column of percent, 0 to 100 with four decimals."""
    limits = [MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(100))]
    return models.DecimalField(label, max_digits=7, decimal_places=4, validators=limits, **kwargs)


def person(label: StrPromise) -> models.ForeignKey[Any, Any]:
    """Who did something; the row outlives the account."""
    return models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=label,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
    )


class Project(LedgerModel):
    """A project (项目): what the money is asked for, built by lots under contracts."""

    region_lookups: ClassVar[tuple[str, ...]] = ("region",)

    code = models.CharField(_("project code"), max_length=32, unique=True)
    name = models.CharField(_("name"), max_length=200)
    kind = models.CharField(_("kind"), max_length=12, choices=ProjectKind.choices)
    region = models.ForeignKey(
        Region,
        verbose_name=_("region"),
        on_delete=models.PROTECT,
        related_name="projects",
        null=True,
        blank=True,
    )
    unit_name = models.CharField(_("project unit"), max_length=100, blank=True)
    starts_on = models.DateField(_("first day"), null=True, blank=True)
    ends_on = models.DateField(_("last day"), null=True, blank=True)
    demo = models.BooleanField(_("demo data"), default=False, editable=False)

    objects = RestrictedQuerySet["Project"].as_manager()

    class Meta:
        verbose_name = _("project")
        verbose_name_plural = _("projects")
        ordering = ["-starts_on", "code"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """A project does not end before it starts."""
        if self.starts_on and self.ends_on and self.ends_on < self.starts_on:
            raise ValidationError({"ends_on": _("The last day lies before the first.")})


class Milestone(models.Model):
    """A milestone of a project: the planned day and the day on which it was reached."""

    project = models.ForeignKey(
        Project, verbose_name=_("project"), on_delete=models.CASCADE, related_name="milestones"
    )
    kind = models.CharField(_("milestone"), max_length=12, choices=MilestoneKind.choices)
    planned_on = models.DateField(_("planned"), null=True, blank=True)
    reached_on = models.DateField(_("reached"), null=True, blank=True)

    objects: models.Manager[Milestone] = models.Manager()

    class Meta:
        verbose_name = _("milestone")
        verbose_name_plural = _("milestones")
        ordering = ["project", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["project", "kind"], name="milestone_once_a_project")
        ]

    def __str__(self) -> str:
        return self.get_kind_display()

    def get_additional_data(self) -> dict[str, int]:
        """Lets the audit trail show it on its project's page."""
        return {"parent": self.project_id}


class BudgetEntry(models.Model):
    """An entry in a project's budget: one year, one source; sums are derived.

    An adjustment and a carry-over say why; they and only they may be negative.
    """

    region_lookups: ClassVar[tuple[str, ...]] = ("project__region",)

    project = models.ForeignKey(
        Project, verbose_name=_("project"), on_delete=models.PROTECT, related_name="budget"
    )
    year = models.PositiveSmallIntegerField(
        _("year"), validators=[MinValueValidator(2000), MaxValueValidator(2100)]
    )
    source = models.CharField(
        pgettext_lazy("money", "source"), max_length=8, choices=Source.choices
    )
    kind = models.CharField(_("entry"), max_length=8, choices=EntryKind.choices)
    amount = money(_("amount (yuan)"))
    booked_on = models.DateField(_("booked on"))
    reference = models.CharField(_("reference"), max_length=60, blank=True)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    entered_by = person(_("entered by"))

    objects = RestrictedQuerySet["BudgetEntry"].as_manager()

    class Meta:
        verbose_name = _("budget entry")
        verbose_name_plural = _("budget entries")
        ordering = ["project", "year", "booked_on", "pk"]

    def __str__(self) -> str:
        return f"{self.year} {self.get_kind_display()} {self.amount}"

    def clean(self) -> None:
        """What changes a plan or a year says why."""
        explained = self.kind in {EntryKind.ADJUSTED, EntryKind.CARRIED}
        if explained and not self.reason:
            raise ValidationError({"reason": _("Say why: an auditor will ask.")})
        if self.amount is not None and self.amount <= 0 and not explained:
            raise ValidationError({"amount": _("Enter an amount above zero.")})
        if self.kind == EntryKind.SPENT and not (self.reference or self.reason):
            raise ValidationError(
                {"reference": _("Enter the voucher number, or why there is none.")}
            )

    def get_additional_data(self) -> dict[str, int]:
        """Lets the audit trail show it on its project's page."""
        return {"parent": self.project_id}


class Lot(LedgerModel):
    """A lot (包) of a project's procurement."""

    region_lookups: ClassVar[tuple[str, ...]] = ("project__region",)

    project = models.ForeignKey(
        Project, verbose_name=_("project"), on_delete=models.PROTECT, related_name="lots"
    )
    number = models.PositiveSmallIntegerField(_("lot number"), validators=[MinValueValidator(1)])
    name = models.CharField(_("name"), max_length=200)

    objects = RestrictedQuerySet["Lot"].as_manager()

    class Meta:
        verbose_name = _("lot")
        verbose_name_plural = _("lots")
        ordering = ["project", "number"]
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="lot_number_in_project")
        ]

    def __str__(self) -> str:
        return _("Lot %(number)d: %(name)s") % {"number": self.number, "name": self.name}


class DeductionTable(LedgerModel):
    """A stepped table: below which availability which share of the fee is deducted."""

    name = models.CharField(_("name"), max_length=60, unique=True)
    demo = models.BooleanField(_("demo data"), default=False, editable=False)

    objects = RestrictedQuerySet["DeductionTable"].as_manager()

    class Meta:
        verbose_name = _("deduction table")
        verbose_name_plural = _("deduction tables")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class DeductionStep(models.Model):
    """One step of a deduction table."""

    table = models.ForeignKey(
        DeductionTable, verbose_name=_("table"), on_delete=models.CASCADE, related_name="steps"
    )
    below = percentage(_("availability below (%)"))
    rate = percentage(_("deducted (% of the fee)"))

    objects: models.Manager[DeductionStep] = models.Manager()

    class Meta:
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        ordering = ["table", "-below"]
        constraints = [
            models.UniqueConstraint(fields=["table", "below"], name="step_once_a_threshold")
        ]

    def __str__(self) -> str:
        return f"< {self.below.normalize():f}%: {self.rate.normalize():f}%"

    def get_additional_data(self) -> dict[str, int]:
        """Lets the audit trail show it on its table's page."""
        return {"parent": self.table_id}


class Contract(LedgerModel):
    """A contract (合同) with a contractor; its instalments add up to its amount."""

    region_lookups: ClassVar[tuple[str, ...]] = ("lot__project__region",)
    contractor_lookups: ClassVar[tuple[str, ...]] = ("contractor",)
    # What instalments, deductions and payments rest on: fixed once the contract is in force.
    FIXED: ClassVar[tuple[str, ...]] = (
        "number",
        "lot_id",
        "contractor_id",
        "amount",
        "monthly_fee",
        "deduction_table_id",
    )

    number = models.CharField(_("contract number"), max_length=60, unique=True)
    name = models.CharField(_("name"), max_length=200)
    lot = models.ForeignKey(
        Lot, verbose_name=_("lot"), on_delete=models.PROTECT, related_name="contracts"
    )
    contractor = models.ForeignKey(
        Contractor,
        verbose_name=_("contractor"),
        on_delete=models.PROTECT,
        related_name="contracts",
    )
    amount = money(_("amount (yuan)"), validators=[POSITIVE])
    signed_on = models.DateField(_("signed on"), null=True, blank=True)
    starts_on = models.DateField(_("starts on"), null=True, blank=True)
    expires_on = models.DateField(_("expires on"), null=True, blank=True)
    monthly_fee = money(_("monthly fee (yuan)"), null=True, blank=True, validators=[NOT_NEGATIVE])
    deduction_table = models.ForeignKey(
        DeductionTable,
        verbose_name=_("deduction table"),
        on_delete=models.PROTECT,
        related_name="contracts",
        null=True,
        blank=True,
    )
    renewed_from = models.OneToOneField(
        "self",
        verbose_name=_("renews"),
        on_delete=models.PROTECT,
        related_name="renewal",
        null=True,
        blank=True,
        editable=False,
    )
    state = models.CharField(
        _("state"),
        max_length=10,
        choices=ContractState.choices,
        default=ContractState.DRAFT,
        editable=False,
    )
    state_reason = models.CharField(_("reason"), max_length=300, blank=True, editable=False)
    demo = models.BooleanField(_("demo data"), default=False, editable=False)

    objects = RestrictedQuerySet["Contract"].as_manager()

    class Meta:
        verbose_name = _("contract")
        verbose_name_plural = _("contracts")
        ordering = ["number"]

    def __str__(self) -> str:
        return f"{self.number} {self.name}"

    def clean(self) -> None:
        """A contract in force keeps what money rests on.

        Raises:
            ValidationError: a date is out of order, or a fixed field was changed.
        """
        if self.starts_on and self.expires_on and self.expires_on < self.starts_on:
            raise ValidationError({"expires_on": _("It would expire before it starts.")})
        if not self.pk:
            return
        stored = Contract.objects.filter(pk=self.pk).exclude(state=ContractState.DRAFT)
        before = stored.values(*self.FIXED).first() or {}
        for name, value in before.items():
            if getattr(self, name) != value:
                field = name.removesuffix("_id")
                raise ValidationError(
                    {field: _("The contract is no draft any more: this stays as it was agreed.")}
                )


class PartOfContract(models.Model):
    """A row below a contract: seen by whoever sees the contract."""

    region_lookups: ClassVar[tuple[str, ...]] = ("contract__lot__project__region",)
    contractor_lookups: ClassVar[tuple[str, ...]] = ("contract__contractor",)

    class Meta:
        abstract = True


class LineItem(LedgerModel, PartOfContract):
    """A line of a contract, tied to what it pays for: a circuit, device or unit."""

    contract = models.ForeignKey(
        Contract, verbose_name=_("contract"), on_delete=models.CASCADE, related_name="lines"
    )
    name = models.CharField(_("name"), max_length=200)
    quantity = models.DecimalField(
        _("quantity"), max_digits=12, decimal_places=2, default=1, validators=[POSITIVE]
    )
    unit_price = money(_("unit price (yuan)"), validators=[NOT_NEGATIVE])
    circuit = models.ForeignKey(
        Circuit,
        verbose_name=_("circuit"),
        on_delete=models.SET_NULL,
        related_name="contract_lines",
        null=True,
        blank=True,
    )
    device = models.ForeignKey(
        Device,
        verbose_name=_("device"),
        on_delete=models.SET_NULL,
        related_name="contract_lines",
        null=True,
        blank=True,
    )
    unit = models.ForeignKey(
        Unit,
        verbose_name=_("unit"),
        on_delete=models.SET_NULL,
        related_name="contract_lines",
        null=True,
        blank=True,
    )

    objects = RestrictedQuerySet["LineItem"].as_manager()

    class Meta:
        verbose_name = _("contract line")
        verbose_name_plural = _("contract lines")
        ordering = ["contract", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["contract", "name"], name="line_once_a_contract")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def total(self) -> Decimal:
        """Quantity times price."""
        return Decimal(self.quantity * self.unit_price)

    def clean(self) -> None:
        """A line names one thing."""
        named = [self.circuit_id, self.device_id, self.unit_id]
        if sum(pk is not None for pk in named) > 1:
            raise ValidationError(_("Name one circuit, device or unit on a line."))

    def get_additional_data(self) -> dict[str, int]:
        """Lets the audit trail show it on its contract's page."""
        return {"parent": self.contract_id}


class Instalment(PartOfContract):
    """A part of a contract's amount (分期), paid once its gates are met."""

    contract = models.ForeignKey(
        Contract, verbose_name=_("contract"), on_delete=models.CASCADE, related_name="instalments"
    )
    number = models.PositiveSmallIntegerField(_("number"))
    name = models.CharField(_("name"), max_length=100)
    amount = money(_("amount (yuan)"), validators=[POSITIVE])
    due_on = models.DateField(_("due on"), null=True, blank=True)
    retention = models.BooleanField(
        _("retention money"), default=False, help_text=_("Kept back until the warranty ends.")
    )

    objects = RestrictedQuerySet["Instalment"].as_manager()

    class Meta:
        verbose_name = _("instalment")
        verbose_name_plural = _("instalments")
        ordering = ["contract", "number"]
        constraints = [
            models.UniqueConstraint(fields=["contract", "number"], name="instalment_number")
        ]

    def __str__(self) -> str:
        return f"{self.number}. {self.name}"

    def get_additional_data(self) -> dict[str, int]:
        """Lets the audit trail show it on its contract's page."""
        return {"parent": self.contract_id}


class Gate(models.Model):
    """What must be so before an instalment is paid; kinds are registered in ``gates``."""

    instalment = models.ForeignKey(
        Instalment, verbose_name=_("instalment"), on_delete=models.CASCADE, related_name="gates"
    )
    kind = models.CharField(_("gate"), max_length=20)
    argument = models.CharField(_("argument"), max_length=60, blank=True)

    objects: models.Manager[Gate] = models.Manager()

    class Meta:
        verbose_name = _("gate")
        verbose_name_plural = _("gates")
        ordering = ["instalment", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["instalment", "kind", "argument"], name="gate_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.argument}".strip()

    def get_additional_data(self) -> dict[str, int]:
        """Lets the audit trail show it on its contract's page."""
        return {"parent": self.instalment.contract_id}


class GateOverride(models.Model):
    """A gate passed though it is not met: one person asks with a reason, another approves."""

    gate = models.ForeignKey(
        Gate, verbose_name=_("gate"), on_delete=models.PROTECT, related_name="overrides"
    )
    reason = models.CharField(_("reason"), max_length=300)
    unmet = models.CharField(_("what was not met"), max_length=300)
    requested_by = person(_("requested by"))
    requested_at = models.DateTimeField(_("requested"), auto_now_add=True)
    decided_by = person(_("decided by"))
    decided_at = models.DateTimeField(_("decided"), null=True)
    approved = models.BooleanField(_("approved"), null=True)

    objects: models.Manager[GateOverride] = models.Manager()

    class Meta:
        verbose_name = _("gate override")
        verbose_name_plural = _("gate overrides")
        ordering = ["-requested_at", "-pk"]
        permissions = [("approve_gateoverride", "Can approve the override of a gate")]

    def __str__(self) -> str:
        return f"{self.gate}: {self.reason}"

    def get_additional_data(self) -> dict[str, int]:
        """Lets the audit trail show it on its contract's page."""
        return {"parent": self.gate.instalment.contract_id}


class Deduction(PartOfContract):
    """Money taken off an instalment, with the frozen figures that it follows from.

    ``inputs`` holds availability, coverage, fee and the whole table as they were, ``formula``
    the arithmetic; ``digest`` is their hash. A deduction by hand has a reason instead.
    """

    contract = models.ForeignKey(
        Contract, verbose_name=_("contract"), on_delete=models.PROTECT, related_name="deductions"
    )
    instalment = models.ForeignKey(
        Instalment,
        verbose_name=_("instalment"),
        on_delete=models.PROTECT,
        related_name="deductions",
    )
    period_start = models.DateField(_("first day"), null=True, blank=True)
    period_end = models.DateField(_("last day"), null=True, blank=True)
    amount = money(_("amount (yuan)"), validators=[POSITIVE])
    formula = models.CharField(_("formula"), max_length=300, blank=True)
    inputs = models.JSONField(_("inputs"), default=dict)
    digest = models.CharField(_("hash"), max_length=64, blank=True)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    state = models.CharField(
        _("state"),
        max_length=10,
        choices=DeductionState.choices,
        default=DeductionState.PROPOSED,
    )
    proposed_by = person(_("proposed by"))
    proposed_at = models.DateTimeField(_("proposed"), auto_now_add=True)
    decided_by = person(_("decided by"))

    objects = RestrictedQuerySet["Deduction"].as_manager()

    class Meta:
        verbose_name = _("deduction")
        verbose_name_plural = _("deductions")
        ordering = ["contract", "period_start", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["contract", "period_start", "period_end"],
                condition=Q(period_start__isnull=False) & ~Q(state="waived"),
                name="one_deduction_a_period",
            )
        ]

    def __str__(self) -> str:
        return f"{self.contract.number} {self.period_start or ''} −{self.amount}"

    def get_additional_data(self) -> dict[str, int]:
        """Lets the audit trail show it on its contract's page."""
        return {"parent": self.contract_id}


class PaymentCertificate(PartOfContract):
    """A payment certificate (支付证书): the numbers as they were when it was issued."""

    contract = models.ForeignKey(
        Contract,
        verbose_name=_("contract"),
        on_delete=models.PROTECT,
        related_name="certificates",
    )
    instalment = models.ForeignKey(
        Instalment,
        verbose_name=_("instalment"),
        on_delete=models.PROTECT,
        related_name="certificates",
    )
    number = models.CharField(_("certificate number"), max_length=80, unique=True)
    amount = money(_("amount (yuan)"), validators=[POSITIVE])
    numbers = models.JSONField(_("numbers printed"))
    digest = models.CharField(_("hash"), max_length=64)
    issued_at = models.DateTimeField(_("issued"), auto_now_add=True)
    issued_by = person(_("issued by"))
    void_reason = models.CharField(_("why it is void"), max_length=300, blank=True)

    objects = RestrictedQuerySet["PaymentCertificate"].as_manager()

    class Meta:
        verbose_name = _("payment certificate")
        verbose_name_plural = _("payment certificates")
        ordering = ["contract", "pk"]

    def __str__(self) -> str:
        return self.number

    def get_additional_data(self) -> dict[str, int]:
        """Lets the audit trail show it on its contract's page."""
        return {"parent": self.contract_id}


class Payment(PartOfContract):
    """Money paid on a certificate, with the voucher number of the accounts (会计凭证号)."""

    contract = models.ForeignKey(
        Contract, verbose_name=_("contract"), on_delete=models.PROTECT, related_name="payments"
    )
    certificate = models.ForeignKey(
        PaymentCertificate,
        verbose_name=_("payment certificate"),
        on_delete=models.PROTECT,
        related_name="payments",
    )
    amount = money(_("amount (yuan)"), validators=[POSITIVE])
    paid_on = models.DateField(_("paid on"))
    voucher = models.CharField(_("voucher number"), max_length=60)
    content = models.CharField(_("content"), max_length=200)
    source = models.CharField(
        pgettext_lazy("money", "source"), max_length=8, choices=Source.choices
    )
    entered_by = person(_("entered by"))

    objects = RestrictedQuerySet["Payment"].as_manager()

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        ordering = ["contract", "paid_on", "pk"]

    def __str__(self) -> str:
        return f"{self.voucher} {self.amount}"

    def get_additional_data(self) -> dict[str, int]:
        """Lets the audit trail show it on its contract's page."""
        return {"parent": self.contract_id}


class Document(models.Model):
    """An uploaded document with its checksum; stored privately, downloaded with permission."""

    region_lookups: ClassVar[tuple[str, ...]] = ("project__region",)
    contractor_lookups: ClassVar[tuple[str, ...]] = ("contract__contractor",)

    project = models.ForeignKey(
        Project, verbose_name=_("project"), on_delete=models.PROTECT, related_name="documents"
    )
    contract = models.ForeignKey(
        Contract,
        verbose_name=_("contract"),
        on_delete=models.PROTECT,
        related_name="documents",
        null=True,
        blank=True,
    )
    kind = models.CharField(_("kind"), max_length=12, choices=DocumentKind.choices)
    title = models.CharField(_("title"), max_length=120)
    signed_on = models.DateField(_("signed on"), null=True, blank=True)
    file = models.FileField(_("file"), upload_to="projects/%Y/%m/", max_length=200)
    file_name = models.CharField(_("file name"), max_length=200)
    size = models.PositiveIntegerField(_("size (bytes)"))
    digest = models.CharField(_("hash"), max_length=64)
    uploaded_at = models.DateTimeField(_("uploaded"), auto_now_add=True)
    uploaded_by = person(_("uploaded by"))

    objects = RestrictedQuerySet["Document"].as_manager()

    class Meta:
        verbose_name = _("document")
        verbose_name_plural = _("documents")
        ordering = ["project", "kind", "pk"]

    def __str__(self) -> str:
        return self.title

    def get_additional_data(self) -> dict[str, int]:
        """Lets the audit trail show it on its project's page."""
        return {"parent": self.project_id}
