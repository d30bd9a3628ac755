"""The inventory app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class InventoryConfig(AppConfig):
    """The ledger: regions, units, access points, devices, ports, circuits."""

    name = "govnet.inventory"
    verbose_name = _("Inventory")

    def ready(self) -> None:
        """Audit every write and declare the objects to the generic layer."""
        from govnet.inventory import audit, resources  # noqa: PLC0415  # models come first

        audit.register()
        resources.register_all()
