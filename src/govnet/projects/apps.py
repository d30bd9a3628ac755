"""The projects app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ProjectsConfig(AppConfig):
    """Projects, contracts, instalments, deductions, payments."""

    name = "govnet.projects"
    verbose_name = _("Projects and contracts")

    def ready(self) -> None:
        """Audit every write, declare the objects, put their panels on their pages."""
        from govnet.projects import (  # noqa: PLC0415  # models first
            audit,
            due,
            panels,
            reminders,
            resources,
            service_levels,
            work_orders,
        )

        audit.register()
        resources.register_all()
        panels.register_all()
        due.register_all()
        service_levels.register_all()
        work_orders.register()
        reminders.register()
