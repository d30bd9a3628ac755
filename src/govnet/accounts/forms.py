"""Forms of sign-in, preferences and user management."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import Group
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from govnet.accounts.models import User
from govnet.accounts.roles import role_label
from govnet.inventory.models import Contractor, Region, Unit


class SignInForm(AuthenticationForm):
    """Name and password; the first field has the focus."""

    error_messages = {
        "invalid_login": _(
            "The user name or the password is wrong. Five failures lock the account for 30 minutes."
        ),
        "inactive": _("This account is disabled."),
    }


class PreferencesForm(forms.ModelForm[User]):
    """What a person sets for themself."""

    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)

    class Meta:
        model = User
        fields = ("display_name", "language", "theme")


if TYPE_CHECKING:
    GroupsField = forms.ModelMultipleChoiceField[Group]
else:  # the class takes no parameters at run time
    GroupsField = forms.ModelMultipleChoiceField


class GroupChoiceField(GroupsField):
    """Roles by the name that people call them."""

    def label_from_instance(self, obj: Model) -> str:
        """The role's translated name."""
        assert isinstance(obj, Group)
        return role_label(obj)


class UserForm(forms.ModelForm[User]):
    """An account: who, which roles, which part of the network."""

    groups = GroupChoiceField(
        label=_("Roles"),
        queryset=Group.objects.order_by("name"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("What the person may do."),
    )
    regions: forms.ModelMultipleChoiceField[Region] = forms.ModelMultipleChoiceField(
        label=_("Regions"),
        queryset=Region.objects.order_by("code"),
        required=False,
        widget=forms.SelectMultiple(attrs={"size": 8}),
        help_text=_("Sees these regions and everything below them. Hold Ctrl to choose several."),
    )
    units: forms.ModelMultipleChoiceField[Unit] = forms.ModelMultipleChoiceField(
        label=_("Single units"),
        queryset=Unit.objects.order_by("code"),
        required=False,
        widget=forms.SelectMultiple(attrs={"size": 8}),
        help_text=_("Sees these units besides the regions above."),
    )
    contractors: forms.ModelMultipleChoiceField[Contractor] = forms.ModelMultipleChoiceField(
        label=_("Contractors"),
        queryset=Contractor.objects.order_by("name"),
        required=False,
        widget=forms.SelectMultiple(attrs={"size": 5}),
        help_text=_("For a carrier's or contractor's person: sees what concerns these."),
    )

    class Meta:
        model = User
        fields = (
            "username",
            "display_name",
            "email",
            "is_active",
            "groups",
            "whole_site",
            "regions",
            "units",
            "contractors",
        )
        labels: ClassVar[dict[str, Any]] = {
            "username": _("User name"),
            "display_name": _("Display name"),
            "email": _("E-mail"),
            "is_active": _("May sign in"),
            "whole_site": _("Whole site: sees every region and unit"),
        }
        help_texts: ClassVar[dict[str, Any]] = {
            "username": _("Letters, digits and @ . + - _; for example zhangwei."),
            "is_active": "",
            "whole_site": "",
        }
