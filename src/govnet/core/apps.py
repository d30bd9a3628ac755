"""The core app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CoreConfig(AppConfig):
    """Base models, the generic view layer, audit and preferences."""

    name = "govnet.core"
    verbose_name = _("Core")
