"""The traffic app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TrafficConfig(AppConfig):
    """Flow exporters, applications and the pages on what passes."""

    name = "govnet.traffic"
    verbose_name = _("Traffic")
