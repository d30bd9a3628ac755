"""The dashboards app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DashboardsConfig(AppConfig):
    """Overview, charts and search pages."""

    name = "govnet.dashboards"
    verbose_name = _("Dashboards")
