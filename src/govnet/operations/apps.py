"""The operations app."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class OperationsConfig(AppConfig):
    """Work orders, their clocks and evidence."""

    name = "govnet.operations"
    verbose_name = _("Operations")

    def ready(self) -> None:
        """Audit every write, declare the objects, have the limits there after each migration."""
        from govnet.operations import (  # noqa: PLC0415  # models come first
            audit_log,
            defaults,
            due,
            object_panels,
            resources,
        )

        audit_log.register()
        resources.register_all()
        object_panels.register()
        due.register()
        post_migrate.connect(defaults.ensure_limits, sender=self, dispatch_uid="order_limits")
