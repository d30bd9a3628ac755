"""The lab app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LabConfig(AppConfig):
    """A working copy of a city network in network namespaces."""

    name = "govnet.lab"
    verbose_name = _("City twin")

    def ready(self) -> None:
        """Audit what people let happen."""
        from govnet.lab import audit_log  # needs the models

        audit_log.register()
