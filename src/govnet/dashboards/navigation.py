"""The main navigation, by job and not by table."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the navigation: where it leads and who may follow it.

    Attributes:
        live_url_name: a fragment that stands beside it and asks again by itself.
    """

    label: str | Promise
    icon: str
    url_name: str
    permission: str = ""
    live_url_name: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A group of entries that serve one job."""

    label: str | Promise
    entries: tuple[Entry, ...]


JOBS = (
    Job(
        "",
        (
            Entry(_("Overview"), "layout-dashboard", "dashboards:overview"),
            Entry(_("My overdue things"), "clock-exclamation", "core:due"),
        ),
    ),
    Job(
        _("Alarms"),
        (
            Entry(
                _("Alarms"),
                "bell",
                "alarms:alarm_list",
                "alarms.view_alarm",
                live_url_name="alarms:counts",
            ),
            Entry(
                _("Maintenance windows"),
                "tool",
                "alarms:maintenancewindow_list",
                "alarms.view_maintenancewindow",
            ),
            Entry(_("Alarm rules"), "adjustments", "alarms:rule_list", "alarms.view_rule"),
            Entry(_("Notice policies"), "list-check", "notices:policy_list", "notices.view_policy"),
            Entry(_("Channels"), "send", "notices:channel_list", "notices.view_channel"),
            Entry(
                _("Recipients"),
                "address-book",
                "notices:recipient_list",
                "notices.view_recipient",
            ),
            Entry(
                _("Shifts"), "calendar-event", "notices:dutyshift_list", "notices.view_dutyshift"
            ),
            Entry(
                _("Deliveries"), "mail-forward", "notices:delivery_list", "notices.view_delivery"
            ),
        ),
    ),
    Job(
        _("Network"),
        (
            Entry(_("Topology map"), "topology-star-3", "topology:map", "inventory.view_device"),
            Entry(
                _("Ledger against reality"),
                "arrows-exchange",
                "topology:differences",
                "topology.view_neighbour",
            ),
            Entry(_("Regions"), "map-pin", "inventory:region_list", "inventory.view_region"),
            Entry(_("Units"), "building-community", "inventory:unit_list", "inventory.view_unit"),
            Entry(
                _("Access points"),
                "plug-connected",
                "inventory:accesspoint_list",
                "inventory.view_accesspoint",
            ),
            Entry(_("Devices"), "router", "inventory:device_list", "inventory.view_device"),
            Entry(_("Ports"), "network", "inventory:port_list", "inventory.view_port"),
            Entry(_("Circuits"), "route", "inventory:circuit_list", "inventory.view_circuit"),
            Entry(
                _("Contractors"),
                "building-factory-2",
                "inventory:contractor_list",
                "inventory.view_contractor",
            ),
        ),
    ),
    Job(
        _("Traffic"),
        (
            Entry(
                _("Traffic overview"),
                "chart-arcs",
                "traffic:overview",
                "traffic.view_flowexporter",
            ),
            Entry(
                _("Traffic explorer"),
                "chart-area-line",
                "traffic:explorer",
                "traffic.view_flowexporter",
            ),
            Entry(
                _("Egress by carrier"),
                "world-upload",
                "traffic:egress",
                "traffic.view_flowexporter",
            ),
            Entry(
                _("Flow exporters"),
                "broadcast",
                "traffic:flowexporter_list",
                "traffic.view_flowexporter",
            ),
            Entry(_("Log search"), "file-search", "logs:search", "logs.view_logsource"),
            Entry(_("Traps"), "bookmark", "logs:traps", "logs.view_logsource"),
            Entry(_("Log sources"), "history", "logs:logsource_list", "logs.view_logsource"),
            Entry(_("Log patterns"), "filter", "logs:logpattern_list", "logs.view_logpattern"),
            Entry(
                _("Address blocks"),
                "sitemap",
                "traffic:addressblock_list",
                "traffic.view_addressblock",
            ),
        ),
    ),
    Job(
        _("Monitoring"),
        (
            Entry(_("Targets"), "target", "dashboards:target_list", "monitor.view_target"),
            Entry(
                _("State changes"), "arrows-exchange", "dashboards:flip_list", "monitor.view_flip"
            ),
            Entry(_("Probe now"), "radar", "dashboards:probe", "monitor.run_probe"),
        ),
    ),
    Job(
        _("Operations"),
        (
            Entry(
                _("Work orders"),
                "clipboard-list",
                "operations:workorder_list",
                "operations.view_workorder",
            ),
            Entry(
                _("Time limits"),
                "clock-exclamation",
                "operations:orderlimit_list",
                "operations.change_orderlimit",
            ),
        ),
    ),
    Job(
        _("Assessment"),
        (
            Entry(_("Availability"), "activity", "sla:overview", "sla.view_statement"),
            Entry(_("Statements"), "clipboard-check", "sla:statement_list", "sla.view_statement"),
            Entry(_("Exclusions"), "clock-exclamation", "sla:exclusion_list", "sla.view_exclusion"),
            Entry(_("Agreements"), "bookmark", "sla:agreement_list", "sla.view_agreement"),
            Entry(
                _("Service calendars"),
                "table",
                "sla:servicecalendar_list",
                "sla.view_servicecalendar",
            ),
            Entry(_("Holidays"), "calendar-due", "sla:specialday_list", "sla.view_specialday"),
            Entry(
                _("Contracts"),
                "file-certificate",
                "projects:contract_list",
                "projects.view_contract",
            ),
            Entry(_("Projects"), "briefcase", "projects:project_list", "projects.view_project"),
            Entry(
                _("Expiry calendar"), "calendar-due", "projects:expiry", "projects.view_contract"
            ),
            Entry(
                _("Satisfaction surveys"),
                "mood-smile",
                "surveys:survey_list",
                "surveys.view_survey",
            ),
            Entry(
                _("Deduction tables"),
                "report-money",
                "projects:deductiontable_list",
                "projects.view_deductiontable",
            ),
        ),
    ),
    Job(
        _("Performance"),
        (
            Entry(
                _("Self-evaluations"),
                "clipboard-check",
                "evaluation:selfevaluation_list",
                "evaluation.view_selfevaluation",
            ),
            Entry(
                _("Report audit"),
                "file-search",
                "evaluation:audit_list",
                "evaluation.view_auditbatch",
            ),
        ),
    ),
    Job(
        _("System"),
        (
            Entry(_("Users"), "users", "accounts:user_list", "accounts.view_user"),
            Entry(
                _("Credentials"), "key", "inventory:credential_list", "inventory.view_credential"
            ),
            Entry(_("Import log"), "file-import", "core:import_list", "core.view_importrun"),
            Entry(_("System status"), "heart-rate-monitor", "dashboards:status"),
            Entry(_("City twin"), "network", "lab:twin", "lab.view_order"),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as one page shows it."""

    label: str | Promise
    icon: str
    url: str
    current: bool
    live: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """A job as one page shows it."""

    label: str | Promise
    links: tuple[Link, ...]


def _link(entry: Entry, request: HttpRequest) -> Link | None:
    if entry.permission and not request.user.has_perm(entry.permission):
        return None
    try:
        url = reverse(entry.url_name)
    except NoReverseMatch:  # an app that this installation does not have
        return None
    here = request.path
    current = here == url or (url not in {"/", "/logs/"} and here.startswith(url))
    live = reverse(entry.live_url_name) if entry.live_url_name else ""
    return Link(entry.label, entry.icon, url, current, live)


def navigation(request: HttpRequest) -> list[Group]:
    """The groups that the person may use; a group without an entry disappears."""
    groups = []
    for job in JOBS:
        links = tuple(link for entry in job.entries if (link := _link(entry, request)))
        if links:
            groups.append(Group(job.label, _nearest(links)))
    return groups


def _nearest(links: tuple[Link, ...]) -> tuple[Link, ...]:
    """Of entries that lie below one another only the nearest is the current one."""
    longest = max((len(link.url) for link in links if link.current), default=0)
    return tuple(replace(link, current=link.current and len(link.url) == longest) for link in links)
