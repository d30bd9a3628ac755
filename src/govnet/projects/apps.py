"""The projects app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ProjectsConfig(AppConfig):
    """Projects, contracts, instalments, deductions, payments."""

    name = "govnet.projects"
    verbose_name = _("Projects and contracts")
