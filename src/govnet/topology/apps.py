"""The topology app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TopologyConfig(AppConfig):
    """The graph of the network, what neighbours were seen, and what a fault reaches."""

    name = "govnet.topology"
    verbose_name = _("Topology")

    def ready(self) -> None:
        """Follow the ledger, audit decisions, put the impact on the ledger's pages."""
        from govnet.topology import audit, panels, signals  # noqa: PLC0415  # need the models

        signals.connect()
        audit.register()
        panels.register()
