"""The logs app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LogsConfig(AppConfig):
    """Syslog messages and SNMP traps: what devices say."""

    name = "govnet.logs"
    verbose_name = _("Logs")
