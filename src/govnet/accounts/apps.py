"""The accounts app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """Users, roles and the subtree each may see."""

    name = "govnet.accounts"
    verbose_name = _("Accounts")
