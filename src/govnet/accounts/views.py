"""Sign-in and sign-out, preferences, and the administrator's list of users."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_not_required, permission_required
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from govnet.accounts.forms import PreferencesForm, SignInForm, UserForm
from govnet.accounts.models import Theme, User
from govnet.accounts.roles import role_label


class SignIn(auth_views.LoginView):
    """Sign in; the language follows the person from here on."""

    template_name = "accounts/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Open the session and set the language of the account."""
        response = super().form_valid(form)
        user = form.get_user()
        assert isinstance(user, User)
        return _remember_language(response, user.language)


class SignOut(auth_views.LogoutView):
    """End the session; by POST only, so that no link can sign a person out."""


@method_decorator(never_cache, name="dispatch")
class ChangePassword(auth_views.PasswordChangeView):
    """Change one's own password; required before anything else when an administrator set it."""

    template_name = "accounts/password.html"
    success_url = reverse_lazy("dashboards:overview")

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        """Save the new password and lift the obligation to change it."""
        form.user.must_change_password = False
        response = super().form_valid(form)
        messages.success(self.request, _("The password is changed."))
        return response


def _remember_language(response: HttpResponse, language: str) -> HttpResponse:
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=365 * 86400,
        samesite="Lax",
        httponly=True,
        secure=settings.SESSION_COOKIE_SECURE,
    )
    return response


def _back(request: HttpRequest) -> HttpResponse:
    """Where the form stood; only a path of this site."""
    target = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(target, {request.get_host()}, request.is_secure()):
        return redirect(target)
    return redirect("dashboards:overview")


@require_POST
@login_not_required
def language(request: HttpRequest) -> HttpResponse:
    """Switch the language, for the browser and, when signed in, for the account."""
    chosen = request.POST.get("language", "")
    if chosen not in dict(settings.LANGUAGES):
        return _back(request)
    if isinstance(request.user, User):
        User.objects.filter(pk=request.user.pk).update(language=chosen)
    return _remember_language(_back(request), chosen)


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Switch between light, dark and the system's choice."""
    chosen = request.POST.get("theme", "")
    if chosen in Theme.values:
        User.objects.filter(username=request.user.get_username()).update(theme=chosen)
    return _back(request)


def preferences(request: HttpRequest) -> HttpResponse:
    """One's own display name, language and theme."""
    assert isinstance(request.user, User)
    form = PreferencesForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Saved."))
        return _remember_language(redirect("accounts:preferences"), form.cleaned_data["language"])
    return render(request, "accounts/preferences.html", {"form": form})


def _require_manager(request: HttpRequest) -> User:
    """Only who sees the whole site may say what others see."""
    assert isinstance(request.user, User)
    if not request.user.sees_everything:
        raise PermissionDenied
    return request.user


@permission_required("accounts.view_user", raise_exception=True)
def user_list(request: HttpRequest) -> HttpResponse:
    """Every account with its roles and what it sees."""
    _require_manager(request)
    users = User.objects.prefetch_related("groups", "regions", "units").order_by("username")
    rows = [(user, [role_label(group) for group in user.groups.all()]) for user in users]
    return render(request, "accounts/user_list.html", {"rows": rows})


def _generated_password() -> str:
    return secrets.token_urlsafe(12)


def _within_reach(manager: User, form: UserForm) -> bool:
    """A manager gives no role that holds more than the manager's own permissions."""
    if manager.is_superuser:
        return True
    own = manager.get_all_permissions()
    for group in form.cleaned_data["groups"]:
        given = group.permissions.values_list("content_type__app_label", "codename")
        if not {f"{app}.{codename}" for app, codename in given} <= own:
            form.add_error("groups", _("A role that may do more than you cannot be given by you."))
            return False
    return True


@permission_required("accounts.add_user", raise_exception=True)
def user_add(request: HttpRequest) -> HttpResponse:
    """Make an account; its first password is shown once and must be changed at sign-in."""
    manager = _require_manager(request)
    form = UserForm(request.POST or None, initial={"is_active": True})
    if request.method == "POST" and form.is_valid() and _within_reach(manager, form):
        user = form.save(commit=False)
        password = _generated_password()
        user.set_password(password)
        user.must_change_password = True
        user.save()
        form.save_m2m()
        return render(
            request, "accounts/user_password.html", {"account": user, "password": password}
        )
    return render(request, "accounts/user_form.html", {"form": form, "account": None})


def _editable(request: HttpRequest, pk: int) -> tuple[User, User]:
    manager = _require_manager(request)
    account = get_object_or_404(User, pk=pk)
    if account.is_superuser and not manager.is_superuser:
        raise PermissionDenied
    return manager, account


@permission_required("accounts.change_user", raise_exception=True)
def user_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change an account's roles and what it sees."""
    manager, account = _editable(request, pk)
    form = UserForm(request.POST or None, instance=account)
    if request.method == "POST" and form.is_valid() and _within_reach(manager, form):
        if account == manager and not form.cleaned_data["is_active"]:
            form.add_error("is_active", _("You cannot lock yourself out."))
        else:
            form.save()
            messages.success(request, _("Saved."))
            return redirect("accounts:user_list")
    return render(request, "accounts/user_form.html", {"form": form, "account": account})


@require_POST
@permission_required("accounts.change_user", raise_exception=True)
def user_reset(request: HttpRequest, pk: int) -> HttpResponse:
    """Give an account a new password, shown once; its sessions end."""
    _manager, account = _editable(request, pk)
    password = _generated_password()
    account.set_password(password)
    account.must_change_password = True
    account.save(update_fields=["password", "must_change_password"])
    return render(
        request, "accounts/user_password.html", {"account": account, "password": password}
    )
