"""The accounts app."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """Users, roles and the subtree each may see."""

    name = "govnet.accounts"
    verbose_name = _("Accounts")

    def ready(self) -> None:
        """Make the roles once the last of the project's apps has its permissions."""
        from django.apps import apps  # noqa: PLC0415  # the registry is full only here

        from govnet.accounts.roles import ensure_roles  # noqa: PLC0415  # needs the models

        # The last app that gets the signal: by then every app before it has its permissions.
        last = [config for config in apps.get_app_configs() if config.models_module is not None]
        post_migrate.connect(ensure_roles, sender=last[-1], dispatch_uid="govnet_roles")
