"""The surveys app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SurveysConfig(AppConfig):
    """Satisfaction of the units, with counts kept."""

    name = "govnet.surveys"
    verbose_name = _("Surveys")
