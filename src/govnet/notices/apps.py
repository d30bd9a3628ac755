"""The notices app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class NoticesConfig(AppConfig):
    """Who is told of an alarm, by which channel, and what became of it."""

    name = "govnet.notices"
    verbose_name = _("Notices")

    def ready(self) -> None:
        """Audit every write and declare the objects to the generic layer."""
        from govnet.notices import audit_log, resources  # noqa: PLC0415  # models come first

        audit_log.register()
        resources.register_all()
