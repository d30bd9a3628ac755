"""The traffic app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TrafficConfig(AppConfig):
    """Flow exporters, applications and the pages on what passes."""

    name = "govnet.traffic"
    verbose_name = _("Traffic")

    def ready(self) -> None:
        """Declare the objects, audit their changes and follow what flows are enriched with."""
        from govnet.traffic import audit, panels, resources, signals  # noqa: PLC0415  # models first

        audit.register()
        resources.register_all()
        panels.register()
        signals.connect()
