"""The surveys app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SurveysConfig(AppConfig):
    """Satisfaction of the units, with counts kept."""

    name = "govnet.surveys"
    verbose_name = _("Surveys")

    def ready(self) -> None:
        """Audit every write and declare surveys to the generic layer."""
        from govnet.surveys import audit, objects  # noqa: PLC0415  # models come first

        audit.register()
        objects.register_all()
