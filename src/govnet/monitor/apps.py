"""The monitor app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MonitorConfig(AppConfig):
    """Targets, their state and flips; the only writer of monitor state."""

    name = "govnet.monitor"
    verbose_name = _("Monitoring")

    def ready(self) -> None:
        """Follow the inventory and audit targets."""
        from govnet.monitor import audit, signals, tier_proof  # noqa: PLC0415  # models come first

        signals.connect()
        audit.register()
        tier_proof.register()
