"""What the generic layer remembers: filters and columns of a person, and imports."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from govnet.core.fields import SecretField
from govnet.core.querysets import ModelT_co, RestrictedQuerySet

if TYPE_CHECKING:
    from govnet.core.querysets import Viewer

PER_PAGE = (25, 50, 100)


class TablePreference(models.Model):
    """Which columns a person sees in a list, and how many rows."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    model = models.CharField(max_length=80)
    columns = models.JSONField(_("columns"), default=list)
    per_page = models.PositiveSmallIntegerField(_("rows per page"), default=PER_PAGE[0])

    objects: models.Manager[TablePreference] = models.Manager()

    class Meta:
        verbose_name = _("table preference")
        verbose_name_plural = _("table preferences")
        constraints = [
            models.UniqueConstraint(fields=["user", "model"], name="one_preference_per_list")
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.model}"


class OwnedQuerySet(RestrictedQuerySet[ModelT_co]):
    """Rows that belong to a person."""

    def owned_by(self, user: Viewer) -> models.QuerySet[ModelT_co]:
        """The person's own rows."""
        return self.filter(user_id=user.pk)


class SavedFilterQuerySet(OwnedQuerySet[ModelT_co]):
    """Filters of a list."""

    def offered_to(self, user: Viewer, model: str) -> models.QuerySet[ModelT_co]:
        """A person's own and the shared filters of one list."""
        return self.filter(Q(user_id=user.pk) | Q(shared=True), model=model)


class SavedFilter(models.Model):
    """A filter of a list under a name."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    model = models.CharField(max_length=80)
    name = models.CharField(_("name"), max_length=60)
    query = models.CharField(max_length=2000, blank=True)
    shared = models.BooleanField(
        _("shared"), default=False, help_text=_("Everybody who may see this list is offered it.")
    )

    objects = SavedFilterQuerySet["SavedFilter"].as_manager()

    class Meta:
        verbose_name = _("saved filter")
        verbose_name_plural = _("saved filters")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["user", "model", "name"], name="one_filter_per_name")
        ]

    def __str__(self) -> str:
        return self.name


class ImportStatus(models.TextChoices):
    """Where an import stands."""

    CHECKING = "checking", _("Checking")
    REJECTED = "rejected", _("Has errors")
    READY = "ready", _("Ready to apply")
    APPLYING = "applying", _("Being written")
    APPLIED = "applied", _("Applied")
    UNDOING = "undoing", _("Being undone")
    UNDONE = "undone", _("Undone")
    DISCARDED = "discarded", _("Discarded")
    FAILED = "failed", _("Failed")


class ImportRunQuerySet(OwnedQuerySet[ModelT_co]):
    """Imports; a person sees the own ones."""

    def restrict(self, user: Viewer) -> ImportRunQuerySet[ModelT_co]:
        """A file may hold anything: only its sender and whoever sees everything may look."""
        queryset = super().restrict(user)
        if getattr(user, "sees_everything", False):
            return queryset
        return queryset.filter(user_id=user.pk)


class ImportRun(models.Model):
    """One import of a file: what was found, what was written, and whether it was undone."""

    BUSY: ClassVar[frozenset[str]] = frozenset(
        {ImportStatus.CHECKING, ImportStatus.APPLYING, ImportStatus.UNDOING}
    )
    KEEP_DAYS: ClassVar[int] = 7

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("user"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
    )
    model = models.CharField(_("object"), max_length=80)
    filename = models.CharField(_("file"), max_length=200)
    language = models.CharField(max_length=10, default="zh-hans")
    status = models.CharField(
        _("status"), max_length=10, choices=ImportStatus.choices, default=ImportStatus.CHECKING
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    task_id = models.CharField(max_length=64, blank=True)
    rows_total = models.PositiveIntegerField(_("rows"), default=0)
    rows_done = models.PositiveIntegerField(default=0)
    created_count = models.PositiveIntegerField(_("new"), default=0)
    changed_count = models.PositiveIntegerField(_("changed"), default=0)
    unchanged_count = models.PositiveIntegerField(_("unchanged"), default=0)
    error_count = models.PositiveIntegerField(_("errors"), default=0)
    errors = models.JSONField(default=list)
    notes = models.JSONField(default=list)
    preview = models.JSONField(default=list)
    message = models.TextField(blank=True)

    objects = ImportRunQuerySet["ImportRun"].as_manager()

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return self.filename

    @property
    def busy(self) -> bool:
        """True while a job works on it."""
        return self.status in self.BUSY

    @property
    def percent(self) -> int:
        """Progress of the running job."""
        return min(100, self.rows_done * 100 // self.rows_total) if self.rows_total else 0

    def move(self, old: ImportStatus, new: ImportStatus) -> bool:
        """Change the status unless another did first; True for the one winner."""
        won = ImportRun.objects.filter(pk=self.pk, status=old).update(status=new) == 1
        if won:
            self.status = new
        return won


class ImportPayload(models.Model):
    """The heavy part of an import: the file until it is written, then what undo needs.

    The file is encrypted: it may bring communities and passwords. Undo never holds secrets.
    """

    run = models.OneToOneField(ImportRun, on_delete=models.CASCADE, related_name="payload")
    content = models.BinaryField(null=True)
    undo = models.JSONField(default=list)

    objects: models.Manager[ImportPayload] = models.Manager()

    class Meta:
        verbose_name = _("import payload")
        verbose_name_plural = _("import payloads")

    def __str__(self) -> str:
        return str(self.run_id)

    @staticmethod
    def seal(content: bytes) -> bytes:
        """Encrypt a file."""
        return bytes(SecretField().f.encrypt(content))

    def open(self) -> bytes | None:
        """The file; None when it was deleted or the key has changed."""
        try:
            return bytes(SecretField().f.decrypt(bytes(self.content))) if self.content else None
        except InvalidToken:
            return None


def forget_old_files(days: int = ImportRun.KEEP_DAYS) -> int:
    """Delete the files of imports that nobody applied.

    Returns:
        how many.
    """
    old = timezone.now() - timedelta(days=days)
    return ImportPayload.objects.filter(run__created_at__lt=old, content__isnull=False).update(
        content=None
    )
