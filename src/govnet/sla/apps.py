"""The sla app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SlaConfig(AppConfig):
    """Service calendars, availability and frozen statements."""

    name = "govnet.sla"
    verbose_name = _("Service levels")
