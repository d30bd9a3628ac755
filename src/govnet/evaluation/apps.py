"""The evaluation app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EvaluationConfig(AppConfig):
    """Self-evaluations of projects, their evidence, reports and audits."""

    name = "govnet.evaluation"
    verbose_name = _("Performance evaluation")

    def ready(self) -> None:
        """Audit every write."""
        # Models come first; the measures register when their module is loaded.
        from govnet.evaluation import account_measures, audit_log  # noqa: F401, PLC0415

        audit_log.register()
