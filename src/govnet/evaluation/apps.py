"""The evaluation app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EvaluationConfig(AppConfig):
    """Self-evaluations of projects, their evidence, reports and audits."""

    name = "govnet.evaluation"
    verbose_name = _("Performance evaluation")

    def ready(self) -> None:
        """Audit every write."""
        from govnet.evaluation import audit_log  # noqa: PLC0415  # models come first

        audit_log.register()
