"""The alarms app."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class AlarmsConfig(AppConfig):
    """Rules, the life cycle of alarms, maintenance windows, notices."""

    name = "govnet.alarms"
    verbose_name = _("Alarms")

    def ready(self) -> None:
        """Declare the objects, audit what people write, have the shipped rules there."""
        from govnet.alarms import (  # noqa: PLC0415  # models come first
            audit_log,
            object_panels,
            resources,
            shipped,
        )

        audit_log.register()
        resources.register_all()
        object_panels.register()
        post_migrate.connect(shipped.ensure_rules, sender=self, dispatch_uid="alarm_rules")
