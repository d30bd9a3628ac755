"""The roles that an installation starts with: groups of permissions, by job.

They are made again after every migration, so a new model's permissions reach the roles that
should have them; what an administrator adds to a role by hand stays.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

VIEW_APPS = (
    "inventory",
    "monitor",
    "topology",
    "alarms",
    "notices",
    "traffic",
    "logs",
    "operations",
    "core",
)
# What a contract officer answers for and an auditor reads.
ACCOUNT_APPS = ("sla", "projects", "surveys")
# A credential opens devices; even its name and version are the engineers' business only.
ENGINEERS_ONLY = ("credential",)
RUN_PROBE = "monitor.run_probe"
APPROVE = "projects.approve_gateoverride"
HANDLE_ORDER = "operations.handle_workorder"
REPORT_ORDER = "operations.report_workorder"


@dataclass(frozen=True, slots=True)
class Role:
    """A role: the group's name in the database, what people call it, what it may do."""

    name: str
    label: str | Promise
    view_apps: tuple[str, ...] = VIEW_APPS
    edit_apps: tuple[str, ...] = ()
    sees_credentials: bool = False
    extra: tuple[str, ...] = ()


ROLES = (
    Role(
        "duty_officer",
        _("Duty officer"),
        edit_apps=("alarms", "operations"),
        extra=(RUN_PROBE,),
    ),
    Role(
        "network_engineer",
        _("Network engineer"),
        edit_apps=VIEW_APPS,
        sees_credentials=True,
        extra=(RUN_PROBE,),
    ),
    Role(
        "unit_contact",
        _("Unit contact"),
        view_apps=("inventory", "monitor", "operations"),
        extra=(REPORT_ORDER,),
    ),
    Role(
        "contractor",
        _("Carrier or contractor"),
        view_apps=("operations",),
        # Its own contracts and what was paid on them; never the project's budget.
        extra=(
            HANDLE_ORDER,
            "projects.view_contract",
            "projects.view_document",
            "projects.view_paymentcertificate",
        ),
    ),
    Role(
        "contract_officer",
        _("Contract officer"),
        view_apps=("inventory", "monitor", "alarms", "operations", *ACCOUNT_APPS),
        edit_apps=ACCOUNT_APPS,
        extra=(APPROVE,),
    ),
    Role(
        "leader",
        _("Leader"),
        view_apps=(*VIEW_APPS, *ACCOUNT_APPS, "evaluation"),
        extra=(APPROVE,),
    ),
    Role(
        "performance_officer",
        _("Performance officer"),
        view_apps=("inventory", "evaluation"),
        edit_apps=("evaluation",),
    ),
    Role(
        "administrator",
        _("Administrator"),
        edit_apps=(*VIEW_APPS, *ACCOUNT_APPS, "accounts", "evaluation", "lab"),
        view_apps=(*VIEW_APPS, *ACCOUNT_APPS, "accounts", "evaluation", "lab"),
        sees_credentials=True,
        extra=(RUN_PROBE, APPROVE),
    ),
)
LABELS = {role.name: role.label for role in ROLES}


def role_label(group: Group) -> str:
    """What people call a role; a group made by hand is called by its own name."""
    return str(LABELS.get(group.name, group.name))


def _permissions(role: Role) -> Q:
    wanted = Q(content_type__app_label__in=role.view_apps, codename__startswith="view_")
    for action in ("add_", "change_", "delete_"):
        wanted |= Q(content_type__app_label__in=role.edit_apps, codename__startswith=action)
    if not role.sees_credentials:
        wanted &= ~Q(content_type__model__in=ENGINEERS_ONLY)
    for name in role.extra:
        app, codename = name.split(".")
        wanted |= Q(content_type__app_label=app, codename=codename)
    return wanted


def ensure_roles(**_kwargs: object) -> None:
    """Make the roles and give each its permissions; safe to run any number of times."""
    target = ContentType.objects.filter(app_label="monitor", model="target").first()
    if target is not None:
        Permission.objects.get_or_create(
            content_type=target, codename="run_probe", defaults={"name": "Can run a probe now"}
        )
    for role in ROLES:
        group, _created = Group.objects.get_or_create(name=role.name)
        group.permissions.add(*Permission.objects.filter(_permissions(role)))
