"""Users and the part of the network that each may see."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from govnet.inventory.models import Contractor, Region, Unit


class Theme(models.TextChoices):
    """Colours of the pages: light by day, dark for night duty."""

    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")
    AUTO = "auto", _("Follow the system")


class User(AbstractUser):
    """A person who signs in.

    What a user may *do* is Django's permissions by group; what a user may *see* is the
    subtree of ``regions`` plus single ``units`` plus what concerns their ``contractors`` (a
    carrier's or contractor's person has only these). With none, a staff member of the whole
    site sees everything only when ``whole_site`` is set: nothing is the safe default.
    """

    display_name = models.CharField(_("display name"), max_length=60, blank=True)
    whole_site = models.BooleanField(
        _("whole site"), default=False, help_text=_("Sees every region and unit.")
    )
    regions: models.ManyToManyField[Region, models.Model] = models.ManyToManyField(
        "inventory.Region", verbose_name=_("regions"), blank=True, related_name="users"
    )
    units: models.ManyToManyField[Unit, models.Model] = models.ManyToManyField(
        "inventory.Unit", verbose_name=_("units"), blank=True, related_name="users"
    )
    contractors: models.ManyToManyField[Contractor, models.Model] = models.ManyToManyField(
        "inventory.Contractor", verbose_name=_("contractors"), blank=True, related_name="users"
    )
    language = models.CharField(_("language"), max_length=10, default="zh-hans")
    theme = models.CharField(_("theme"), max_length=5, choices=Theme.choices, default=Theme.LIGHT)
    must_change_password = models.BooleanField(_("must change password"), default=False)

    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")

    def __str__(self) -> str:
        return self.display_name or self.username

    @property
    def sees_everything(self) -> bool:
        """True when no row is hidden from this user."""
        return self.is_superuser or self.whole_site

    @cached_property
    def scope_region_ids(self) -> frozenset[int]:
        """Ids of the user's regions and everything below them."""
        from govnet.inventory.models import Region

        found: set[int] = set()
        for region in self.regions.all():
            found.update(
                Region.objects.descendants(region, include_self=True).values_list("pk", flat=True)
            )
        return frozenset(found)

    @cached_property
    def scope_unit_ids(self) -> frozenset[int]:
        """Ids of the units granted one by one."""
        return frozenset(self.units.values_list("pk", flat=True))

    @cached_property
    def scope_contractor_ids(self) -> frozenset[int]:
        """Ids of the contractors that the user works for."""
        return frozenset(self.contractors.values_list("pk", flat=True))
