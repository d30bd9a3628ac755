"""Who may manage accounts, and what a manager may give."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from govnet.accounts.models import User
from govnet.accounts.roles import ROLES, ensure_roles
from tests.city import build_city
from tests.people import person

pytestmark = pytest.mark.django_db
USERS = "/accounts/users/"


def group_ids(*names: str) -> list[int]:
    return list(Group.objects.filter(name__in=names).values_list("pk", flat=True))


def test_roles_exist_after_migration_and_hold_what_their_job_needs() -> None:
    duty = person("duty", "duty_officer")
    engineer = person("engineer", "network_engineer")
    contact = person("contact", "unit_contact")
    assert duty.has_perms(["inventory.view_unit", "monitor.view_target", "monitor.run_probe"])
    assert not duty.has_perm("inventory.view_credential")
    assert not duty.has_perm("inventory.change_unit")
    assert engineer.has_perms(["inventory.change_unit", "inventory.view_credential"])
    assert not engineer.has_perm("accounts.view_user")
    assert contact.has_perm("inventory.view_unit")
    assert not contact.has_perm("monitor.run_probe")


def test_making_the_roles_again_keeps_what_was_added_by_hand() -> None:
    group = Group.objects.get(name="duty_officer")
    extra = Permission.objects.get(codename="change_unit")
    group.permissions.add(extra)
    ensure_roles()
    assert extra in group.permissions.all()
    assert Group.objects.filter(name__in=[role.name for role in ROLES]).count() == len(ROLES)


@pytest.mark.parametrize("role", ["duty_officer", "network_engineer", "unit_contact"])
def test_only_administrators_see_the_list_of_users(client: Client, role: str) -> None:
    client.force_login(person("somebody", role, whole_site=True))
    assert client.get(USERS).status_code == 403
    assert client.get(f"{USERS}add/").status_code == 403


def test_an_administrator_of_a_part_manages_nobody(client: Client) -> None:
    city = build_city()
    client.force_login(person("east", "administrator", regions=[city.east]))
    assert client.get(USERS).status_code == 403


def test_a_new_account_gets_a_password_once_and_must_change_it(client: Client) -> None:
    city = build_city()
    client.force_login(person("admin", "administrator", whole_site=True))
    fields = {
        "username": "zhangwei",
        "is_active": "on",
        "groups": group_ids("duty_officer"),
        "regions": [city.east.pk],
    }
    page = client.post(f"{USERS}add/", fields).content.decode()
    found = re.search(r'id="new-password">([^<]+)<', page)
    assert found is not None
    user = User.objects.get(username="zhangwei")
    assert user.check_password(found[1])
    assert user.must_change_password
    assert set(user.regions.all()) == {city.east}
    assert found[1] not in client.get(USERS).content.decode()


def test_a_manager_cannot_give_a_role_that_holds_more_than_the_manager_has(client: Client) -> None:
    manager = person("clerk", whole_site=True)
    manager.user_permissions.set(Permission.objects.filter(codename__in=["add_user", "view_user"]))
    client.force_login(manager)
    fields = {"username": "friend", "is_active": "on", "groups": group_ids("administrator")}
    response = client.post(f"{USERS}add/", fields)
    assert response.status_code == 200
    assert not User.objects.filter(username="friend").exists()
    assert "不能授予" in response.content.decode()


def test_nobody_but_a_superuser_touches_a_superuser(client: Client) -> None:
    root = person("root", superuser=True)
    client.force_login(person("admin", "administrator", whole_site=True))
    assert client.get(f"{USERS}{root.pk}/").status_code == 403
    assert client.post(f"{USERS}{root.pk}/password/").status_code == 403


def test_a_new_password_ends_the_sessions_of_the_old_one(client: Client) -> None:
    user = person("duty", "duty_officer", whole_site=True)
    theirs = Client()
    theirs.force_login(user)
    assert theirs.get("/").status_code == 200
    client.force_login(person("admin", "administrator", whole_site=True))
    assert client.post(f"{USERS}{user.pk}/password/").status_code == 200
    assert theirs.get("/").status_code == 302


def test_a_manager_cannot_lock_themself_out(client: Client) -> None:
    admin = person("admin", "administrator", whole_site=True)
    client.force_login(admin)
    fields = {"username": "admin", "groups": group_ids("administrator"), "whole_site": "on"}
    assert client.post(f"{USERS}{admin.pk}/", fields).status_code == 200
    admin.refresh_from_db()
    assert admin.is_active


def test_an_edit_changes_roles_and_scope(client: Client) -> None:
    city = build_city()
    user = person("duty", "duty_officer")
    client.force_login(person("admin", "administrator", whole_site=True))
    fields = {
        "username": "duty",
        "is_active": "on",
        "groups": group_ids("network_engineer"),
        "units": [city.unit_west.pk],
    }
    assert client.post(f"{USERS}{user.pk}/", fields).status_code == 302
    fresh = User.objects.get(pk=user.pk)
    assert [group.name for group in fresh.groups.all()] == ["network_engineer"]
    assert fresh.scope_unit_ids == {city.unit_west.pk}
