"""URLs of the dashboards app."""

from django.urls import path

from govnet.dashboards import (
    chart_views,
    found_interfaces,
    monitor_views,
    probe_views,
    target_views,
    views,
)

app_name = "dashboards"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("live/", views.overview_live, name="overview_live"),
    path("banner/", views.alarms, name="alarms"),
    path("search/", views.search, name="search"),
    path("status/", views.status, name="status"),
    path("charts/egress/", chart_views.egress_chart, name="egress_chart"),
    path("charts/<slug:name>/<int:pk>/", chart_views.chart, name="chart"),
    path("samples/<slug:name>/<int:pk>/", chart_views.samples, name="samples"),
    path("monitor/targets/", monitor_views.target_list, name="target_list"),
    path("monitor/targets/add/", target_views.target_add, name="target_add"),
    path("monitor/targets/<int:pk>/edit/", target_views.target_edit, name="target_edit"),
    path("monitor/targets/<int:pk>/delete/", target_views.target_delete, name="target_delete"),
    path("monitor/targets/<int:pk>/", monitor_views.target, name="target"),
    path("monitor/targets/<int:pk>/state/", monitor_views.target_state, name="target_state"),
    path("monitor/states/<slug:kind>/", monitor_views.object_states, name="object_states"),
    path("monitor/devices/<int:pk>/interfaces/", found_interfaces.accept, name="accept_interfaces"),
    path("monitor/changes/", monitor_views.flip_list, name="flip_list"),
    path("monitor/probe/", probe_views.probe, name="probe"),
]
