"""The operations app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OperationsConfig(AppConfig):
    """Work orders and the duty roster."""

    name = "govnet.operations"
    verbose_name = _("Operations")
