"""The alarms app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AlarmsConfig(AppConfig):
    """Rules, the life cycle of alarms, maintenance windows, notices."""

    name = "govnet.alarms"
    verbose_name = _("Alarms")
