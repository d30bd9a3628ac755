"""The dashboards app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DashboardsConfig(AppConfig):
    """Overview, charts and search pages."""

    name = "govnet.dashboards"
    verbose_name = _("Dashboards")

    def ready(self) -> None:
        """Put charts and states on the ledger's object pages."""
        from govnet.dashboards import columns, panels  # noqa: PLC0415  # need the models

        columns.register_columns()
        panels.register()
