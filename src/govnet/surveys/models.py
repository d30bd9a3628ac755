"""Satisfaction surveys (满意度调查): one ballot per unit, every count kept.

A percentage never stands alone: it is computed from counts, which are either the ballots of
the survey or a manual result with all four counts and the attachment that proves them.
"""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from govnet.core.querysets import RestrictedQuerySet
from govnet.inventory.models import LedgerModel, Region, Unit


class SurveyState(models.TextChoices):
    """Where a survey stands; services change it."""

    DRAFT = "draft", _("Draft")
    OPEN = "open", _("Open for answers")
    CLOSED = "closed", _("Closed")


class Rating(models.IntegerChoices):
    """The overall answer, from best to worst."""

    VERY_SATISFIED = 5, _("Very satisfied")
    SATISFIED = 4, _("Satisfied")
    FAIR = 3, _("Basically satisfied")
    DISSATISFIED = 2, _("Dissatisfied")
    VERY_DISSATISFIED = 1, _("Very dissatisfied")


class Survey(LedgerModel):
    """A survey of a year or of an event, and from which answer on a unit counts as satisfied."""

    region_lookups: ClassVar[tuple[str, ...]] = ("region",)

    code = models.CharField(_("survey code"), max_length=32, unique=True)
    name = models.CharField(_("title"), max_length=120)
    region = models.ForeignKey(
        Region,
        verbose_name=_("region"),
        on_delete=models.PROTECT,
        related_name="surveys",
        null=True,
        blank=True,
    )
    question = models.CharField(_("overall question"), max_length=200)
    satisfied_from = models.PositiveSmallIntegerField(
        _("satisfied from"), choices=Rating.choices, default=Rating.SATISFIED
    )
    closes_on = models.DateField(_("last day for answers"))
    state = models.CharField(
        _("state"),
        max_length=6,
        choices=SurveyState.choices,
        default=SurveyState.DRAFT,
        editable=False,
    )
    demo = models.BooleanField(_("demo data"), default=False, editable=False)

    objects = RestrictedQuerySet["Survey"].as_manager()

    class Meta:
        verbose_name = _("survey")
        verbose_name_plural = _("surveys")
        ordering = ["-closes_on", "code"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """What a satisfied unit is stays as it was when the first ballot went out."""
        stored = Survey.objects.filter(pk=self.pk).exclude(state=SurveyState.DRAFT).first()
        if stored is None:
            return
        for name in ("question", "satisfied_from", "region_id"):
            if getattr(stored, name) != getattr(self, name):
                raise ValidationError(
                    {name.removesuffix("_id"): _("The survey is open: this stays as it was asked.")}
                )


class Question(models.Model):
    """A further question, rated like the overall one."""

    survey = models.ForeignKey(
        Survey, verbose_name=_("survey"), on_delete=models.CASCADE, related_name="questions"
    )
    text = models.CharField(_("question"), max_length=200)

    objects: models.Manager[Question] = models.Manager()

    class Meta:
        verbose_name = _("question")
        verbose_name_plural = _("questions")
        ordering = ["survey", "pk"]

    def __str__(self) -> str:
        return self.text

    def get_additional_data(self) -> dict[str, int]:
        """Lets the audit trail show it on its survey's page."""
        return {"parent": self.survey_id}


class Ballot(models.Model):
    """The one ballot of a unit; ``nonce`` makes its present link and no older one valid."""

    region_lookups: ClassVar[tuple[str, ...]] = ("survey__region",)

    survey = models.ForeignKey(
        Survey, verbose_name=_("survey"), on_delete=models.PROTECT, related_name="ballots"
    )
    unit = models.ForeignKey(
        Unit, verbose_name=_("unit"), on_delete=models.PROTECT, related_name="ballots"
    )
    nonce = models.CharField(max_length=32)
    returned_at = models.DateTimeField(_("returned"), null=True)
    rating = models.PositiveSmallIntegerField(
        _("overall answer"), choices=Rating.choices, null=True
    )
    answers = models.JSONField(_("answers"), default=dict)
    comment = models.CharField(_("comment"), max_length=500, blank=True)
    invalid_reason = models.CharField(_("why it does not count"), max_length=200, blank=True)

    objects = RestrictedQuerySet["Ballot"].as_manager()

    class Meta:
        verbose_name = _("ballot")
        verbose_name_plural = _("ballots")
        ordering = ["survey", "unit"]
        constraints = [models.UniqueConstraint(fields=["survey", "unit"], name="one_ballot_a_unit")]

    def __str__(self) -> str:
        return f"{self.survey}: {self.unit}"

    def get_additional_data(self) -> dict[str, int]:
        """Lets the audit trail show it on its survey's page."""
        return {"parent": self.survey_id}


class ManualResult(models.Model):
    """Counts of a survey that was made on paper, with the attachment that proves them."""

    survey = models.OneToOneField(
        Survey, verbose_name=_("survey"), on_delete=models.PROTECT, related_name="manual"
    )
    invited = models.PositiveIntegerField(_("invited"))
    returned = models.PositiveIntegerField(_("returned"))
    valid = models.PositiveIntegerField(_("valid"))
    satisfied = models.PositiveIntegerField(_("satisfied"))
    attachment = models.FileField(_("attachment"), upload_to="surveys/%Y/%m/", max_length=200)
    file_name = models.CharField(_("file name"), max_length=200)
    digest = models.CharField(_("hash"), max_length=64)
    entered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("entered by"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
    )

    objects: models.Manager[ManualResult] = models.Manager()

    class Meta:
        verbose_name = _("manual result")
        verbose_name_plural = _("manual results")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    satisfied__lte=models.F("valid"),
                    valid__lte=models.F("returned"),
                    returned__lte=models.F("invited"),
                    valid__gte=1,
                ),
                name="counts_fit",
                violation_error_message=_(
                    "Satisfied ≤ valid ≤ returned ≤ invited, and at least one valid answer."
                ),
            )
        ]

    def __str__(self) -> str:
        return f"{self.satisfied}/{self.valid}"

    def get_additional_data(self) -> dict[str, int]:
        """Lets the audit trail show it on its survey's page."""
        return {"parent": self.survey_id}
