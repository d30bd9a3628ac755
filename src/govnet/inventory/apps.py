"""The inventory app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class InventoryConfig(AppConfig):
    """The ledger: regions, units, access points, devices, ports, circuits."""

    name = "govnet.inventory"
    verbose_name = _("Inventory")
