"""The logs app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LogsConfig(AppConfig):
    """Syslog messages and SNMP traps: what devices say."""

    name = "govnet.logs"
    verbose_name = _("Logs")

    def ready(self) -> None:
        """Declare the objects and audit their changes."""
        from govnet.logs import audit, resources  # noqa: PLC0415  # models first

        audit.register()
        resources.register_all()
