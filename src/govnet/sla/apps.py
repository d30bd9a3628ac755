"""The sla app."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class SlaConfig(AppConfig):
    """Service calendars, availability and frozen statements."""

    name = "govnet.sla"
    verbose_name = _("Service levels")

    def ready(self) -> None:
        """Audit every write, declare the objects, and say what figures can be about."""
        from govnet.sla import (  # noqa: PLC0415  # they need the models
            audit,
            defaults,
            panels,
            resources,
            scopes,
        )

        audit.register()
        resources.register_all()
        scopes.register_ledger()
        panels.register()
        post_migrate.connect(defaults.ensure, sender=self, dispatch_uid="govnet_sla_defaults")
