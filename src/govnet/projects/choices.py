"""Words of projects and contracts: milestones, sources of money, kinds of documents."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class MilestoneKind(models.TextChoices):
    """The seven milestones of a project, in order."""

    BIDDING = "bidding", _("Bidding")
    START = "start", _("Project start")
    FIELD = "field", _("Field construction")
    INDOOR = "indoor", _("Indoor commissioning")
    PRELIMINARY = "preliminary", _("Preliminary acceptance")
    TRIAL = "trial", _("Trial run")
    FINAL = "final", _("Final acceptance")


class Source(models.TextChoices):
    """Who pays: the five rows of the bureau's form."""

    CENTRAL = "central", _("Central government")
    PROVINCE = "province", _("Province")
    CITY = "city", _("City")
    COUNTY = "county", _("County")
    OTHER = "other", _("Other")


class EntryKind(models.TextChoices):
    """What a budget entry says of a year's money from one source."""

    PLANNED = "planned", _("planned")
    ADJUSTED = "adjusted", _("Adjustment of the plan")
    ARRIVED = "arrived", _("Arrived")
    CARRIED = "carried", _("Carried over")
    SPENT = "spent", _("Spent outside of contracts")


class ProjectKind(models.TextChoices):
    """Whether a project builds something or keeps it running."""

    CONSTRUCTION = "construction", _("Construction")
    MAINTENANCE = "maintenance", _("Operation and maintenance")


class ContractState(models.TextChoices):
    """Where a contract stands; services change it, forms do not."""

    DRAFT = "draft", _("Draft")
    ACTIVE = "active", _("In force")
    CLOSED = "closed", _("Settled")
    TERMINATED = "terminated", _("Terminated")


class DocumentKind(models.TextChoices):
    """What an uploaded document is; gates ask for some of them."""

    BIDDING = "bidding", _("Bidding document")
    AWARD = "award", _("Award notice")
    CONTRACT = "contract", _("Signed contract")
    START = "start", _("Start order")
    PRELIMINARY = "preliminary", _("Preliminary acceptance certificate")
    TRIAL = "trial", _("Trial-run report")
    FINAL = "final", _("Final acceptance certificate")
    INVOICE = "invoice", _("Invoice")
    SETTLEMENT = "settlement", _("Settlement report")
    OTHER = "other", _("Other document")


ACCEPTANCES = (DocumentKind.PRELIMINARY, DocumentKind.FINAL)
"""Documents that count only once they are signed."""


class DeductionState(models.TextChoices):
    """A deduction is proposed by one, confirmed or waived by a decision with its reason."""

    PROPOSED = "proposed", _("Proposed")
    CONFIRMED = "confirmed", _("Confirmed")
    WAIVED = "waived", _("Waived")
