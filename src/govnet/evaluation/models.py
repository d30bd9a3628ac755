"""Self-evaluations of projects (绩效自评), the evidence behind them and audits of reports.

Money is 元 as Decimal; what a report prints as 万元 is converted at its edge. Layouts follow
annexes 附件2-2 and 附件3-2; what a layout lacks stays empty, never invented.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from govnet.core.querysets import RestrictedQuerySet
from govnet.evaluation.audit.registry import Severity
from govnet.evaluation.audit.report import Source
from govnet.evaluation.framework import Denominator
from govnet.evaluation.quantity import Operator
from govnet.inventory.models import Region
from govnet.projects.models import Project
from govnet.surveys.models import Survey

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

    from govnet.accounts.models import User


class OwnBatches(models.QuerySet["AuditBatch"]):
    """Uploaded reports may be confidential: a reviewer sees the own batches only."""

    def restrict(self, user: User | AnonymousUser) -> Self:
        """The user's own batches; all of them for who sees the whole site."""
        if isinstance(user, AnonymousUser) or not user.is_active:
            return self.none()
        return self if user.sees_everything else self.filter(created_by=user)


class EvaluationKind(models.TextChoices):
    """Which box of the cover is ticked."""

    PROCESS = "process", _("Evaluation during implementation")
    RESULT = "result", _("Evaluation of the completed result")


class SourceChoices(models.TextChoices):
    """``Source`` with the words shown to people."""

    TOTAL = Source.TOTAL.value, _("Total")
    CENTRAL = Source.CENTRAL.value, _("Central government")
    PROVINCE = Source.PROVINCE.value, _("Province")
    CITY = Source.CITY.value, _("City")
    COUNTY = Source.COUNTY.value, _("County")
    OTHER = Source.OTHER.value, _("Other")


class DenominatorChoices(models.TextChoices):
    """``Denominator`` with the words shown to people."""

    PLANNED = Denominator.PLANNED.value, _("Planned funds")
    ADJUSTED = Denominator.ADJUSTED.value, _("Annual (adjusted) budget")
    ARRIVED = Denominator.ARRIVED.value, _("Arrived funds")


class SelfEvaluation(models.Model):
    """The self-evaluation of one project for one period."""

    region_lookups: ClassVar[tuple[str, ...]] = ("region",)

    slug = models.SlugField(_("short name"), max_length=60, unique=True)
    region = models.ForeignKey(
        Region,
        verbose_name=_("region"),
        on_delete=models.PROTECT,
        related_name="self_evaluations",
        null=True,
        blank=True,
    )
    # Where money, milestones and satisfaction are measured; without them they are typed.
    project = models.ForeignKey(
        Project,
        verbose_name=_("project of the ledger"),
        on_delete=models.PROTECT,
        related_name="self_evaluations",
        null=True,
        blank=True,
    )
    survey = models.ForeignKey(
        Survey,
        verbose_name=_("survey"),
        on_delete=models.PROTECT,
        related_name="self_evaluations",
        null=True,
        blank=True,
    )
    title = models.CharField(_("report title"), max_length=200, blank=True)
    project_name = models.CharField(_("project"), max_length=200, blank=True)
    project_unit = models.CharField(_("project unit"), max_length=100, blank=True)
    department = models.CharField(_("supervising department"), max_length=100, blank=True)
    kind = models.CharField(_("kind"), max_length=8, choices=EvaluationKind.choices, blank=True)
    method = models.CharField(_("method"), max_length=100, blank=True)
    evaluated_by = models.CharField(_("evaluated by"), max_length=100, blank=True)
    issued_by = models.CharField(_("form issued by"), max_length=100, blank=True)
    report_date = models.DateField(_("report date"), null=True, blank=True)
    leader = models.CharField(_("person in charge"), max_length=60, blank=True)
    phone = models.CharField(_("phone"), max_length=30, blank=True)
    address = models.CharField(pgettext_lazy("project", "address"), max_length=200, blank=True)
    postcode = models.CharField(_("postcode"), max_length=10, blank=True)
    period_text = models.CharField(_("period as printed"), max_length=60, blank=True)
    period_start = models.DateField(_("first day"), null=True, blank=True)
    period_end = models.DateField(_("last day"), null=True, blank=True)
    goal = models.TextField(_("expected goal"), blank=True)
    goal_result = models.TextField(_("actual completion"), blank=True)
    framework = models.CharField(_("framework"), max_length=60, blank=True)
    framework_version = models.DateField(_("framework version"), null=True, blank=True)
    denominator = models.CharField(
        _("execution rate divides by"),
        max_length=8,
        choices=DenominatorChoices.choices,
        default=DenominatorChoices.PLANNED,
    )
    stated_score = models.DecimalField(
        _("stated score"), max_digits=6, decimal_places=2, null=True, blank=True
    )
    stated_grade = models.CharField(_("stated grade"), max_length=10, blank=True)
    filled_in_by = models.CharField(_("filled in by"), max_length=60, blank=True)
    filled_in_phone = models.CharField(_("phone of who filled it in"), max_length=30, blank=True)
    demo = models.BooleanField(_("demo data"), default=False, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    objects = RestrictedQuerySet["SelfEvaluation"].as_manager()

    class Meta:
        verbose_name = _("self-evaluation")
        verbose_name_plural = _("self-evaluations")
        ordering = ["-report_date", "-period_end", "slug"]

    def __str__(self) -> str:
        return self.project_name or self.slug

    def get_absolute_url(self) -> str:
        """The evaluation's page."""
        return reverse("evaluation:selfevaluation", args=[self.pk])


class PartOfEvaluation(models.Model):
    """A numbered row of a self-evaluation."""

    region_lookups: ClassVar[tuple[str, ...]] = ("evaluation__region",)

    position = models.PositiveSmallIntegerField(_("position"), default=0)

    class Meta:
        abstract = True


def _money(label: StrPromise) -> models.DecimalField[Decimal | None, Decimal | None]:
    return models.DecimalField(label, max_digits=16, decimal_places=2, null=True, blank=True)


class Fund(models.Model):
    """Money from one source: planned, arrived, spent, balance. A balance may be negative."""

    evaluation = models.ForeignKey(
        SelfEvaluation, verbose_name=_("evaluation"), on_delete=models.CASCADE, related_name="funds"
    )
    source = models.CharField(
        pgettext_lazy("money", "source"), max_length=8, choices=SourceChoices.choices
    )
    planned = _money(_("planned (yuan)"))
    adjusted = _money(_("annual budget (yuan)"))
    arrived = _money(_("arrived (yuan)"))
    spent = _money(_("spent (yuan)"))
    balance = _money(_("balance (yuan)"))
    carried_over = _money(_("carried over (yuan)"))

    objects: models.Manager[Fund] = models.Manager()

    class Meta:
        verbose_name = _("fund")
        verbose_name_plural = _("funds")
        constraints = [
            models.UniqueConstraint(fields=["evaluation", "source"], name="fund_once_a_source")
        ]

    def __str__(self) -> str:
        return self.get_source_display()


class SpendingLine(PartOfEvaluation):
    """A row of the spending detail with its voucher number (会计凭证号)."""

    evaluation = models.ForeignKey(
        SelfEvaluation,
        verbose_name=_("evaluation"),
        on_delete=models.CASCADE,
        related_name="spending",
    )
    content = models.CharField(_("content"), max_length=200)
    amount = _money(_("amount (yuan)"))
    voucher = models.CharField(_("voucher number"), max_length=60, blank=True)
    note = models.CharField(_("note"), max_length=200, blank=True)

    objects: models.Manager[SpendingLine] = models.Manager()

    class Meta:
        verbose_name = _("spending line")
        verbose_name_plural = _("spending lines")
        ordering = ["position"]

    def __str__(self) -> str:
        return self.content


class TargetIndicator(PartOfEvaluation):
    """A quantitative indicator: target and actual value, as printed and as figures."""

    evaluation = models.ForeignKey(
        SelfEvaluation,
        verbose_name=_("evaluation"),
        on_delete=models.CASCADE,
        related_name="indicators",
    )
    level1 = models.CharField(_("level 1"), max_length=40)
    level2 = models.CharField(_("level 2"), max_length=40)
    content = models.CharField(_("content"), max_length=300, blank=True)
    target = models.CharField(_("target value"), max_length=100, blank=True)
    actual = models.CharField(_("actual value"), max_length=200, blank=True)
    operator = models.CharField(
        _("direction"),
        max_length=1,
        choices=[(item.value, item.value) for item in Operator],
        blank=True,
    )
    deviation = models.CharField(_("reason for deviation"), max_length=300, blank=True)
    measure = models.CharField(_("measure"), max_length=60, blank=True)
    measure_params = models.JSONField(_("parameters"), default=dict, blank=True)
    points = models.DecimalField(_("points"), max_digits=6, decimal_places=2, null=True, blank=True)

    objects: models.Manager[TargetIndicator] = models.Manager()

    class Meta:
        verbose_name = _("indicator")
        verbose_name_plural = _("indicators")
        ordering = ["position"]

    def __str__(self) -> str:
        return self.content or self.level2


class ScoreEntry(PartOfEvaluation):
    """The self-score of one item of the framework, the answer it follows from, its evidence."""

    evaluation = models.ForeignKey(
        SelfEvaluation,
        verbose_name=_("evaluation"),
        on_delete=models.CASCADE,
        related_name="scores",
    )
    item = models.CharField(_("item"), max_length=12)
    answer = models.JSONField(_("answer"), default=dict, blank=True)
    self_score = models.DecimalField(_("self-score"), max_digits=6, decimal_places=2, null=True)
    deduction_reason = models.CharField(_("reason for the deduction"), max_length=300, blank=True)

    objects: models.Manager[ScoreEntry] = models.Manager()

    class Meta:
        verbose_name = _("score")
        verbose_name_plural = _("scores")
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["evaluation", "item"], name="score_once_an_item")
        ]

    def __str__(self) -> str:
        return self.item


class Evaluator(PartOfEvaluation):
    """A person who evaluated."""

    evaluation = models.ForeignKey(
        SelfEvaluation,
        verbose_name=_("evaluation"),
        on_delete=models.CASCADE,
        related_name="evaluators",
    )
    name = models.CharField(_("name"), max_length=60)
    job_title = models.CharField(_("job title"), max_length=60, blank=True)
    unit = models.CharField(_("unit"), max_length=100, blank=True)

    objects: models.Manager[Evaluator] = models.Manager()

    class Meta:
        verbose_name = _("evaluator")
        verbose_name_plural = _("evaluators")
        ordering = ["position"]

    def __str__(self) -> str:
        return self.name


class SignOffRole(models.TextChoices):
    """The four places of the form that are signed."""

    LEADER = "leader", _("Head of the evaluation group")
    UNIT = "unit", _("Project unit")
    DEPARTMENT = "department", _("Supervising department")
    FINANCE = "finance", _("Finance bureau's line section")


class SignOff(models.Model):
    """An opinion with its signatory and date; blank places are signed by hand on paper."""

    evaluation = models.ForeignKey(
        SelfEvaluation,
        verbose_name=_("evaluation"),
        on_delete=models.CASCADE,
        related_name="sign_offs",
    )
    role = models.CharField(_("signed as"), max_length=10, choices=SignOffRole.choices)
    opinion = models.CharField(_("opinion"), max_length=300, blank=True)
    name = models.CharField(_("signatory"), max_length=60, blank=True)
    signed_on = models.DateField(_("signed on"), null=True, blank=True)

    objects: models.Manager[SignOff] = models.Manager()

    class Meta:
        verbose_name = _("sign-off")
        verbose_name_plural = _("sign-offs")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["evaluation", "role"], name="sign_off_once_a_role")
        ]

    def __str__(self) -> str:
        return self.get_role_display()


class BureauFramework(models.Model):
    """A bureau's own framework: its YAML as uploaded. A change is a new version, never an edit."""

    framework_id = models.CharField(_("framework"), max_length=60)
    version = models.DateField(_("version"))
    name = models.CharField(_("name"), max_length=200)
    text = models.TextField(_("YAML"))
    uploaded_at = models.DateTimeField(_("uploaded"), auto_now_add=True)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("uploaded by"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
    )

    objects: models.Manager[BureauFramework] = models.Manager()

    class Meta:
        verbose_name = _("framework")
        verbose_name_plural = _("frameworks")
        ordering = ["framework_id", "-version"]
        constraints = [
            models.UniqueConstraint(
                fields=["framework_id", "version"], name="framework_once_a_version"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.version})"


class NarrativeSection(PartOfEvaluation):
    """A numbered part of the narrative (评价报告综述)."""

    evaluation = models.ForeignKey(
        SelfEvaluation,
        verbose_name=_("evaluation"),
        on_delete=models.CASCADE,
        related_name="sections",
    )
    title = models.CharField(_("title"), max_length=100)
    body = models.TextField(_("text"), blank=True)

    objects: models.Manager[NarrativeSection] = models.Manager()

    class Meta:
        verbose_name = _("section")
        verbose_name_plural = _("sections")
        ordering = ["position"]

    def __str__(self) -> str:
        return self.title


class Snapshot(models.Model):
    """A measured value frozen with its query, inputs, time and hash: what a point rests on.

    Never changed: computing again writes a new row, and a different number is an amendment
    that names the one before.
    """

    region_lookups: ClassVar[tuple[str, ...]] = ("evaluation__region",)

    evaluation = models.ForeignKey(
        SelfEvaluation,
        verbose_name=_("evaluation"),
        on_delete=models.CASCADE,
        related_name="snapshots",
    )
    measure = models.CharField(_("measure"), max_length=60)
    params = models.JSONField(_("parameters"), default=dict)
    value = models.DecimalField(_("value"), max_digits=20, decimal_places=6, null=True)
    unit = models.CharField(_("unit"), max_length=20, blank=True)
    query = models.TextField(_("how it was computed"))
    inputs = models.JSONField(_("inputs"), default=list)
    computed_at = models.DateTimeField(_("computed"))
    computed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("computed by"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
    )
    digest = models.CharField(_("hash"), max_length=64)
    amends = models.ForeignKey(
        "self",
        verbose_name=_("amends"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="amended_by",
    )

    objects = RestrictedQuerySet["Snapshot"].as_manager()

    class Meta:
        verbose_name = _("snapshot")
        verbose_name_plural = _("snapshots")
        ordering = ["-computed_at", "-pk"]

    def __str__(self) -> str:
        value = "—" if self.value is None else f"{self.value.normalize():f}"
        return f"{self.measure_name}: {value} {self.unit}"

    @property
    def measure_name(self) -> str:
        """The measure's name; its key where the measure is no longer registered."""
        from govnet.evaluation.measures import MEASURES  # noqa: PLC0415  # it imports models

        return str(MEASURES[self.measure].name) if self.measure in MEASURES else self.measure


class Evidence(models.Model):
    """What backs an item or an indicator: a snapshot, or an attachment entered by hand."""

    region_lookups: ClassVar[tuple[str, ...]] = ("evaluation__region",)

    evaluation = models.ForeignKey(
        SelfEvaluation,
        verbose_name=_("evaluation"),
        on_delete=models.CASCADE,
        related_name="evidence",
    )
    score = models.ForeignKey(
        ScoreEntry,
        verbose_name=_("item"),
        on_delete=models.CASCADE,
        related_name="evidence",
        null=True,
        blank=True,
    )
    indicator = models.ForeignKey(
        TargetIndicator,
        verbose_name=_("indicator"),
        on_delete=models.CASCADE,
        related_name="evidence",
        null=True,
        blank=True,
    )
    title = models.CharField(_("title"), max_length=200)
    snapshot = models.ForeignKey(
        Snapshot,
        verbose_name=_("snapshot"),
        on_delete=models.PROTECT,
        related_name="evidence",
        null=True,
        blank=True,
    )
    attachment = models.FileField(
        _("attachment"), upload_to="evidence/%Y/%m/", null=True, blank=True
    )
    digest = models.CharField(_("hash"), max_length=64, blank=True)
    added_at = models.DateTimeField(_("added"), auto_now_add=True)

    objects = RestrictedQuerySet["Evidence"].as_manager()

    class Meta:
        verbose_name = _("evidence")
        verbose_name_plural = _("evidence")
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.title


class IssuedReport(models.Model):
    """A report as it was issued: the numbers printed and the very file.

    A reprint a year later is this file, whatever the data say by then.
    """

    region_lookups: ClassVar[tuple[str, ...]] = ("evaluation__region",)

    evaluation = models.ForeignKey(
        SelfEvaluation,
        verbose_name=_("evaluation"),
        on_delete=models.PROTECT,
        related_name="reports",
    )
    issued_at = models.DateTimeField(_("issued"), auto_now_add=True)
    issued_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("issued by"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
    )
    numbers = models.JSONField(_("numbers printed"))
    document = models.BinaryField(_("Word file"))
    digest = models.CharField(_("hash"), max_length=64)

    objects = RestrictedQuerySet["IssuedReport"].as_manager()

    class Meta:
        verbose_name = _("issued report")
        verbose_name_plural = _("issued reports")
        ordering = ["-issued_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.evaluation} {self.issued_at:%Y-%m-%d}"


class AuditBatch(models.Model):
    """Reports uploaded together to be audited."""

    name = models.CharField(_("name"), max_length=100)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("uploaded by"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
    )

    objects = OwnBatches.as_manager()

    class Meta:
        verbose_name = _("audit batch")
        verbose_name_plural = _("audit batches")
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """The batch's page."""
        return reverse("evaluation:audit_batch", args=[self.pk])


class AuditStatus(models.TextChoices):
    """Where the audit of one file stands."""

    WAITING = "waiting", _("Waiting")
    CLEAN = "clean", _("Clean")
    FINDINGS = "findings", _("Findings")
    UNREADABLE = "unreadable", _("Unreadable")


class AuditedReport(models.Model):
    """One uploaded report: its file until it was read, then its text and facts."""

    batch = models.ForeignKey(
        AuditBatch, verbose_name=_("batch"), on_delete=models.CASCADE, related_name="reports"
    )
    file_name = models.CharField(_("file"), max_length=200)
    content = models.BinaryField(_("content"), null=True)
    status = models.CharField(
        _("status"), max_length=10, choices=AuditStatus.choices, default=AuditStatus.WAITING
    )
    text = models.TextField(_("text"), blank=True)
    facts = models.JSONField(_("facts"), default=dict)
    unread = models.JSONField(_("unread"), default=list)

    objects: models.Manager[AuditedReport] = models.Manager()

    class Meta:
        verbose_name = _("audited report")
        verbose_name_plural = _("audited reports")
        ordering = ["file_name", "pk"]

    def __str__(self) -> str:
        return self.file_name

    def get_absolute_url(self) -> str:
        """The report's page, its text beside the findings."""
        return reverse("evaluation:audited_report", args=[self.pk])


class SeverityChoices(models.TextChoices):
    """``Severity`` with the words shown to people."""

    MAJOR = Severity.MAJOR.value, _("Major")
    MINOR = Severity.MINOR.value, _("Minor")
    QUERY = Severity.QUERY.value, _("Query")


class Decision(models.TextChoices):
    """What the reviewer made of a finding."""

    OPEN = "open", _("Open")
    ACCEPTED = "accepted", _("Accepted")
    DISMISSED = "dismissed", _("Dismissed")


class AuditFinding(models.Model):
    """A finding of an audit and the reviewer's decision on it."""

    report = models.ForeignKey(
        AuditedReport, verbose_name=_("report"), on_delete=models.CASCADE, related_name="findings"
    )
    check_id = models.CharField(_("check"), max_length=8)
    severity = models.CharField(_("severity"), max_length=5, choices=SeverityChoices.choices)
    message = models.TextField(_("finding"))
    quotes = models.JSONField(_("quotes"), default=list)
    arithmetic = models.TextField(_("arithmetic"), blank=True)
    decision = models.CharField(
        _("decision"), max_length=9, choices=Decision.choices, default=Decision.OPEN
    )
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    decided_at = models.DateTimeField(_("decided"), null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("decided by"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
    )

    objects: models.Manager[AuditFinding] = models.Manager()

    class Meta:
        verbose_name = _("audit finding")
        verbose_name_plural = _("audit findings")
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.check_id}: {self.message}"
